/* The channel: src/channel/channel.c, one statement here for each step there that others can see, under
 * the same names: a mutex, two futexes, senders, one receiver, somebody who closes.
 *
 * A futex wakes anybody it likes among those who sleep, and now and then somebody for no reason. A
 * deadline passes only where a check allows it (EXPIRE), for deadlines that always can would hide a
 * wake-up that was lost. A run that ends with somebody still asleep is an error that spin finds by
 * itself ("invalid end state"); that no run goes on for ever is what the check "ends" shows. In "answer"
 * the receiver frees the channel when it has its one item, and nobody may use it then.
 *
 * spin: senders           -DSENDERS=3 -DITEMS=1 -DCAPACITY=1 -DMAX=1 -DCOLLAPSE -m100000
 * spin: batches           -DSENDERS=2 -DITEMS=3 -DCAPACITY=2 -DMAX=2 -DCOLLAPSE -m100000
 * spin: deadlines         -DSENDERS=3 -DITEMS=1 -DCAPACITY=1 -DMAX=1 -DEXPIRE=2 -DCOLLAPSE -m100000
 * spin: close             -DSENDERS=2 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCLOSE -DCOLLAPSE -m100000
 * spin: close-deadlines   -DSENDERS=2 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCLOSE -DEXPIRE=1 -DCOLLAPSE -m100000
 * spin: answer            -DSENDERS=1 -DITEMS=1 -DCAPACITY=1 -DMAX=1 -DEXPIRE=2 -DFINI -m100000
 * spin: ends              -DSENDERS=2 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCLOSE -DNP -DCOLLAPSE -m100000 -l
 * spin: broken-wake-before-the-item   -DSENDERS=1 -DITEMS=2 -DCAPACITY=2 -DMAX=1 -DWAKE_FIRST -m100000
 * spin: broken-wake-only-when-full    -DSENDERS=3 -DITEMS=2 -DCAPACITY=2 -DMAX=1 -DONLY_WHEN_FULL -m100000
 * spin: broken-close-wakes-one        -DSENDERS=3 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DCLOSE -DCLOSE_WAKES_ONE -m100000
 * spin: broken-no-second-look         -DSENDERS=2 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DIF_FOR_WHILE -m100000
 * spin: broken-sleep-without-the-word -DSENDERS=1 -DITEMS=2 -DCAPACITY=1 -DMAX=1 -DNO_WORD -m100000
 * spin: broken-send-looks-back        -DSENDERS=1 -DITEMS=1 -DCAPACITY=1 -DMAX=1 -DEXPIRE=2 -DFINI -DLOOK_BACK -m100000
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
byte taken, came;        /* the words */
byte on_taken, on_came;  /* who sleeps there: a bit for each thread */

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
inline wait_locked(word, sleepers, me)
{
    seen = word;
    unlock();
    /* futex_wait(): comparing and falling asleep are one step. */
    atomic {
        assert(!freed);
        if
#ifndef NO_WORD
        :: word != seen
#endif
        :: else -> sleepers = sleepers | (1 << me)
        fi;
        seen = 0
    };
    if
    :: !(sleepers & (1 << me)) -> err = OK
    :: atomic { left_expire > 0 && (sleepers & (1 << me)) -> left_expire--; rise(sleepers, 1 << me) };
        err = TIMEOUT
    :: atomic { left_spurious > 0 && (sleepers & (1 << me)) -> left_spurious--; rise(sleepers, 1 << me) };
        err = OK
    fi;
    lock()
}

inline rise(sleepers, mask)
{
    sleepers = sleepers & ~(mask)
}

/* Wakes n of those who sleep, whichever. The channel may be gone: it is only a name for the kernel. */
inline futex_wake(sleepers, n)
{
    atomic {
        do
        :: n > 0 && (sleepers & 1) -> rise(sleepers, 1); n--
        :: n > 0 && (sleepers & 2) -> rise(sleepers, 2); n--
        :: n > 0 && (sleepers & 4) -> rise(sleepers, 4); n--
        :: n > 0 && (sleepers & 8) -> rise(sleepers, 8); n--
        :: n == 0 || sleepers == 0 -> break
        od;
        n = 0
    }
}

/* Items of sender s: s * 16 + 1, s * 16 + 2 ... */
inline channel_send(me, item)
{
    err = OK;
    lock();
    do
    :: !closed && count == CAPACITY && err == OK ->
        senders_waiting++;
        wait_locked(taken, on_taken, me);
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
#ifdef WAKE_FIRST
    if
    :: err == OK && receiver_waiting -> receiver_waiting = 0; came++; wake = 1
    :: else
    fi;
    unlock();
    futex_wake(on_came, wake);
    lock();
#endif
    if
    :: err == OK ->
        assert(count < CAPACITY);
        ring[(head + count) % CAPACITY] = item;
        count++;
#ifndef WAKE_FIRST
        if
        :: receiver_waiting -> receiver_waiting = 0; came++; wake = 1
        :: else
        fi
#endif
    :: else
    fi;
    unlock();
#ifdef LOOK_BACK
    assert(!freed);
#endif
    futex_wake(on_came, wake)
}

/* got: how many. What was received is checked in place of being handed out. */
inline channel_recv(me)
{
    err = OK;
    lock();
    do
    :: count == 0 && !closed && err == OK ->
        receiver_waiting = 1;
        wait_locked(came, on_came, me);
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
    wake = (got < senders_waiting -> got : senders_waiting);
#ifdef ONLY_WHEN_FULL
    wake = (count < CAPACITY -> 0 : wake);
#endif
    if
    :: got > 0 ->
        head = (head + got) % CAPACITY;
        count = count - got
    :: else
    fi;
    if
    :: wake > 0 -> taken++
    :: else
    fi;
    over = closed;
    unlock();
    futex_wake(on_taken, wake);
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
    came++;
    taken++;
    unlock();
    wake = SENDERS + 1;
    futex_wake(on_came, wake);
#ifdef CLOSE_WAKES_ONE
    wake = 1;
#else
    wake = SENDERS + 1;
#endif
    futex_wake(on_taken, wake)
}

#define LOCALS                                                                                       \
    mtype err = OK;                                                                                  \
    byte i, item, got, seen, wake;                                                                       \
    bit over

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
