/* The channel: src/channel/channel.c, one statement here for each step there that others can see, under
 * the same names: a mutex, two conditions, senders, one receiver, somebody who closes.
 *
 * A condition wakes anybody it likes among those who wait, and now and then somebody for no reason. A
 * deadline passes only where a check allows it (EXPIRE), for deadlines that always can would hide a
 * wake-up that was lost. A run that ends with somebody still asleep is an error that spin finds by
 * itself ("invalid end state"); that no run goes on for ever is what the check "ends" shows.
 *
 * spin: senders           -DSENDERS=3 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCOLLAPSE -m100000
 * spin: batches           -DSENDERS=3 -DITEMS=2 -DCAPACITY=2 -DMAX=2 -DCOLLAPSE -m100000
 * spin: deadlines         -DSENDERS=3 -DITEMS=1 -DCAPACITY=1 -DMAX=1 -DEXPIRE=2 -DCOLLAPSE -m100000
 * spin: close             -DSENDERS=2 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCLOSE -DCOLLAPSE -m100000
 * spin: close-deadlines   -DSENDERS=2 -DITEMS=2 -DCAPACITY=2 -DMAX=2 -DCLOSE -DEXPIRE=2 -DCOLLAPSE -m100000
 * spin: answer            -DSENDERS=1 -DITEMS=1 -DCAPACITY=1 -DMAX=1 -DEXPIRE=2 -DFINI -m100000
 * spin: ends              -DSENDERS=2 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCLOSE -DEXPIRE=1 -DNP -DCOLLAPSE -m100000 -l
 * spin: broken-signal-before-the-item -DSENDERS=1 -DITEMS=2 -DCAPACITY=2 -DMAX=1 -DSIGNAL_FIRST -m100000
 * spin: broken-signal-only-when-full  -DSENDERS=3 -DITEMS=2 -DCAPACITY=2 -DMAX=1 -DONLY_WHEN_FULL -m100000
 * spin: broken-close-signals-one      -DSENDERS=3 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCLOSE -DSIGNAL_ON_CLOSE -m100000
 * spin: broken-no-second-look         -DSENDERS=2 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DIF_FOR_WHILE -m100000
 * spin: broken-signal-after-unlock    -DSENDERS=1 -DITEMS=1 -DCAPACITY=1 -DMAX=1 -DEXPIRE=2 -DFINI -DSIGNAL_AFTER_UNLOCK -m100000
 */
#ifndef EXPIRE
#define EXPIRE 0
#endif
#define SPURIOUS 1
#define RECEIVER SENDERS
#define ALL (SENDERS * ITEMS)

mtype = { OK, CLOSED, TIMEOUT };

/* struct channel */
bit mu;
byte ring[CAPACITY];
byte head, count, senders_waiting;
bit receiver_waiting, closed;
byte not_full, not_empty; /* who sleeps there: a bit for each thread */

/* What the code has not. */
byte left_expire = EXPIRE, left_spurious = SPURIOUS;
byte sent, received, refused;
byte last[SENDERS]; /* the newest item of each that was received */
bit freed;

inline lock()
{
    atomic { !mu; assert(!freed); mu = 1 }
}

inline unlock()
{
    d_step { assert(mu && !freed); mu = 0 }
}

/* pthread_cond_timedwait(): unlocking and falling asleep are one step. */
inline wait_locked(cond, me)
{
    d_step { assert(mu); cond = cond | (1 << me); mu = 0 };
    if
    :: !(cond & (1 << me)) -> err = OK
    :: atomic { left_expire > 0 && (cond & (1 << me)) -> left_expire--; leave(cond, 1 << me) };
        err = TIMEOUT
    :: atomic { left_spurious > 0 && (cond & (1 << me)) -> left_spurious--; leave(cond, 1 << me) };
        err = OK
    fi;
    lock()
}

inline leave(cond, mask)
{
    cond = cond & ~(mask)
}

/* Wakes one of those who sleep, whichever. */
inline signal(cond)
{
    atomic {
        assert(!freed);
        if
        :: cond & 1 -> leave(cond, 1)
        :: cond & 2 -> leave(cond, 2)
        :: cond & 4 -> leave(cond, 4)
        :: cond & 8 -> leave(cond, 8)
        :: else
        fi
    }
}

inline broadcast(cond)
{
    d_step { assert(!freed); cond = 0 }
}

/* Items of sender s: s * 16 + 1, s * 16 + 2 ... */
inline channel_send(me, item)
{
    err = OK;
    lock();
    do
    :: !closed && count == CAPACITY && err == OK ->
        senders_waiting++;
        wait_locked(not_full, me);
        senders_waiting--;
#ifdef IF_FOR_WHILE
        break
#endif
    :: else -> break
    od;
    if
    :: closed -> err = CLOSED
    :: !closed && count < CAPACITY -> err = OK
    :: else
    fi;
    if
    :: err == OK ->
#ifndef SIGNAL_FIRST
        assert(count < CAPACITY);
        ring[(head + count) % CAPACITY] = item;
        count++;
#endif
        if
        :: receiver_waiting ->
            receiver_waiting = 0;
#ifdef SIGNAL_AFTER_UNLOCK
            wake = 1
#else
            signal(not_empty)
#endif
        :: else
        fi;
#ifdef SIGNAL_FIRST
        unlock();
        lock();
        assert(count < CAPACITY);
        ring[(head + count) % CAPACITY] = item;
        count++
#endif
    :: else
    fi;
    unlock();
    if
    :: wake -> signal(not_empty); wake = 0
    :: else
    fi
}

/* got: how many. What was received is checked in place of being handed out. */
inline channel_recv(me)
{
    err = OK;
    lock();
    do
    :: count == 0 && !closed && err == OK ->
        receiver_waiting = 1;
        wait_locked(not_empty, me);
        receiver_waiting = 0
    :: else -> break
    od;
    got = (count < MAX -> count : MAX);
    i = 0;
    do
    :: i < got ->
        atomic {
            item = ring[(head + i) % CAPACITY];
            /* Once, and in the order of its sender. */
            assert(item % 16 == last[item / 16] + 1);
            last[item / 16]++;
            received++;
            item = 0;
            i++
        }
    :: else -> break
    od;
    if
    :: got > 0 ->
#ifdef ONLY_WHEN_FULL
        over = count < CAPACITY;
#endif
        head = (head + got) % CAPACITY;
        count = count - got;
        i = 0;
        do
        :: i < got && i < senders_waiting && !over ->
            signal(not_full);
            i++
        :: else -> break
        od
    :: else
    fi;
    over = closed;
    unlock();
    if
    :: got > 0 -> err = OK
    :: got == 0 && over -> err = CLOSED
    :: else
    fi;
    i = 0;
    over = 0
}

inline channel_close()
{
    lock();
    closed = 1;
#ifdef SIGNAL_ON_CLOSE
    signal(not_empty);
    signal(not_full);
#else
    broadcast(not_empty);
    broadcast(not_full);
#endif
    unlock()
}

#define LOCALS                                                                                       \
    mtype err = OK;                                                                                  \
    byte i, item, got;                                                                               \
    bit wake, over

proctype sender(byte me)
{
    LOCALS;
    byte next = 1;
    do
    :: next <= ITEMS ->
        channel_send(me, me * 16 + next);
        atomic {
            if
            :: err == OK -> sent++; next++
            :: err == TIMEOUT  /* tries again */
            :: err == CLOSED -> refused++; break
            fi
        }
    :: else -> break
    od
}

proctype receiver()
{
    LOCALS;
    do
#ifndef CLOSE
    :: received == ALL -> break
#endif
    :: else ->
        channel_recv(RECEIVER);
        if
        :: err == CLOSED -> break
        :: else -> got = 0
        fi
    od;
#ifdef CLOSE
    assert(closed && count == 0);
#endif
#ifdef FINI
    /* One answer and no more: channel_fini() comes at once. */
    atomic { assert(count == 0 && senders_waiting == 0 && !mu); freed = 1 }
#endif
}

proctype closer()
{
    LOCALS;
    channel_close()
}

init {
    byte x;
    atomic {
        for (x : 0 .. SENDERS - 1) {
            run sender(x)
        }
        run receiver();
#ifdef CLOSE
        run closer()
#endif
    }
    /* All have ended, or spin reports who has not: what was accepted has been received. */
    _nr_pr == 1;
    assert(sent == received && count == 0 && senders_waiting == 0 && !receiver_waiting);
#ifndef CLOSE
    assert(sent == ALL)
#endif
}
