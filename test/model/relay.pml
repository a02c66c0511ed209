/* The relay: src/channel/relay.c and parker.c, one statement here for each step there that others can
 * see, under the same names. Every atomic access of the code is sequentially consistent, as spin is.
 *
 * A hub posts frames to writers' outboxes in batches of any size, a reader posts one to its own writer,
 * a socket is full now and then, a parker's deadline passes now and then, and one writer may be told to
 * stop. When nothing can move any more, `quiet` looks at what is left: no frame in an outbox, no task in
 * the list, no place given away, nobody who wanted to end still there. An assertion beside each access
 * says that nothing is used after it was freed. The check "ends" finds that no run goes on for ever, so
 * every run gets to that point: together they are "what was posted is carried".
 *
 * Left out: the length of the list, which is a hint in the code; here take_place() may believe anything.
 *
 * spin: one-place         -DPOSTS=3 -DCOLLAPSE -m200000 -E
 * spin: two-places        -DPLACES=2 -DPOSTS=2 -DCOLLAPSE -m200000 -E
 * spin: three-tasks       -DTASKS=3 -DPOSTS=3 -DSTUCK=0 -DEXPIRE=0 -DCOLLAPSE -m200000 -E
 * spin: reader            -DPOSTS=2 -DREADER -DSTUCK=0 -DCOLLAPSE -m200000 -E
 * spin: reader-stuck      -DPOSTS=1 -DREADER -DEXPIRE=0 -DCOLLAPSE -m200000 -E
 * spin: reader-two-places -DPLACES=2 -DPOSTS=1 -DREADER -DSTUCK=0 -DCOLLAPSE -m200000 -E
 * spin: retire            -DPOSTS=2 -DRETIRE -DCOLLAPSE -m200000 -E
 * spin: retire-two-places -DPLACES=2 -DPOSTS=2 -DRETIRE -DSTUCK=0 -DEXPIRE=0 -DCOLLAPSE -m200000 -E
 * spin: retire-stuck      -DPLACES=2 -DPOSTS=1 -DRETIRE -DCOLLAPSE -m200000 -E
 * spin: ends              -DPLACES=2 -DPOSTS=2 -DEXPIRE=0 -DNP -DCOLLAPSE -m200000 -E -l
 * spin: retire-ends       -DPOSTS=2 -DRETIRE -DSTUCK=0 -DEXPIRE=0 -DNP -DCOLLAPSE -m200000 -E -l
 * spin: broken-kick-left-out            -DPOSTS=2 -DNO_KICK_AFTER_TURN -m200000 -E
 * spin: broken-list-seen-too-early      -DPOSTS=2 -DLOOK_BEFORE_LEAVING -m200000 -E
 * spin: broken-release-without-post     -DPOSTS=2 -DRELEASE_WITHOUT_POST -m200000 -E
 * spin: broken-running-is-enough        -DPOSTS=2 -DNO_AGAIN -m200000 -E
 * spin: broken-park-by-store            -DPOSTS=2 -DPARK_BY_STORE -m200000 -E
 * spin: broken-flush-with-a-place       -DPLACES=2 -DPOSTS=3 -DOWNER_BY_STATE -m200000 -E
 * spin: broken-place-outside-the-lock   -DPLACES=2 -DPOSTS=2 -DRETIRE -DSTUCK=0 -DPLACE_AFTER_UNLOCK -m200000 -E
 * spin: broken-place-lost-in-retire     -DPLACES=2 -DPOSTS=2 -DRETIRE -DSTUCK=0 -DNO_LAST_LOOK -m200000 -E
 * spin: broken-kick-without-read-lock   -DPOSTS=2 -DRETIRE -DNO_READ_LOCK -m200000 -E
 */
#ifndef TASKS
#define TASKS 2
#endif
#ifndef PLACES
#define PLACES 1
#endif
#ifndef STUCK
#define STUCK 1 /* how often a socket is full */
#endif
#ifndef EXPIRE
#define EXPIRE 1 /* how often a deadline passes, those apart that retiring waits for */
#endif
#define TURN 2
#define NONE 255

/* Threads: writers are 0 to TASKS-1, as are their tasks and parkers. */
#define HUB TASKS
#define READER_THREAD (TASKS + 1)
#define STOPPER (TASKS + 2)
#define THREADS (TASKS + 3)

mtype = { IDLE, QUEUED, RUNNING, AGAIN, OWNER, DEAD };

#define WAKE_CARRY 1
#define WAKE_OWNER 2
#define WAKE_STOP 4
#define PARKED 8

/* struct parker */
byte word[TASKS];
bit in_futex[TASKS];

/* struct relay_task, struct outbox */
mtype state[TASKS];
bit frames[TASKS];

/* struct relay */
byte list[TASKS];
byte length;
bit lock;
byte places;

/* What the code has not: for the assertions. */
byte running[TASKS];
bit freed[TASKS];
bit reading[THREADS]; /* in an RCU read section */
bit hub_done, reader_done;
byte left_stuck = STUCK, left_expire = EXPIRE;

/* ---- parker.c -------------------------------------------------------------------------------------- */

/* expired: when the deadline may pass. The CAS and the futex call are atomic in the kernel and the CPU. */
inline parker_wait(p, expired)
{
#ifdef PARK_BY_STORE
    if
    :: word[p] == 0 -> word[p] = PARKED; parked = 1
    :: else -> parked = 0
    fi;
#else
    atomic {
        if
        :: word[p] == 0 -> word[p] = PARKED; parked = 1
        :: else -> parked = 0
        fi
    };
#endif
    do
    :: !parked -> break
    :: parked && word[p] != PARKED -> break
    :: parked && word[p] == PARKED ->
        atomic {
            if
            :: word[p] == PARKED -> in_futex[p] = 1
            :: else
            fi
        };
        if
        :: !in_futex[p]
        :: atomic { expired -> in_futex[p] = 0 }; break
        :: atomic { left_expire > 0 -> left_expire--; in_futex[p] = 0 }; break
        fi
    od;
    atomic { bits = word[p] & ~PARKED; word[p] = 0; parked = 0 }
}

inline parker_set(p, bit_)
{
    d_step { assert(!freed[p]); before = word[p]; word[p] = word[p] | bit_ }
}

inline parker_rouse(p)
{
    d_step { assert(!freed[p]); in_futex[p] = 0 }
}

inline parker_wake(p, bit_)
{
    parker_set(p, bit_);
    if
    :: before == PARKED -> parker_rouse(p)
    :: else
    fi
}

/* ---- posting --------------------------------------------------------------------------------------- */

inline enqueue(x)
{
    d_step {
        for (k : 0 .. TASKS - 1) {
            assert(k >= length || list[k] != x)
        }
        assert(!freed[x] && length < TASKS);
        list[length] = x;
        length++;
        k = 0
    }
}

inline relay_post(x)
{
    d_step { assert(!freed[x]); seen = state[x] };
    do
    :: seen == IDLE ->
        atomic {
            assert(!freed[x]);
            if
            :: state[x] == IDLE -> state[x] = QUEUED; won = 1
            :: else -> seen = state[x]; won = 0
            fi
        };
        if
        :: won -> enqueue(x); break
        :: else
        fi
#ifndef NO_AGAIN
    :: seen == RUNNING ->
        atomic {
            assert(!freed[x]);
            if
            :: state[x] == RUNNING -> state[x] = AGAIN; won = 1
            :: else -> seen = state[x]; won = 0
            fi
        };
        if
        :: won -> break
        :: else
        fi
    :: seen != IDLE && seen != RUNNING -> break
#else
    :: seen != IDLE -> break
#endif
    od;
    atomic { seen = IDLE; won = 0 }
}

/* ---- places ---------------------------------------------------------------------------------------- */

/* With one place given away the length of the list decides about the next: either may be. */
inline take_place()
{
    n = places;
    do
    :: n < PLACES ->
        atomic {
            if
            :: places == n -> places = n + 1; won = 1; break
            :: else -> n = places
            fi
        }
    :: n >= 1 -> won = 0; break
    od
}

inline leave_place()
{
    d_step { assert(places > 0); places-- }
}

inline choose()
{
    atomic { !lock -> lock = 1 };
    do
    :: i >= length -> break
    :: i < length ->
        take_place();
        if
        :: !won -> break
        :: else
        fi;
        p = list[i];
        assert(state[p] == QUEUED);
#ifdef PLACE_AFTER_UNLOCK
        lock = 0;
#endif
        parker_set(p, WAKE_CARRY);
        if
        :: before & WAKE_CARRY -> leave_place(); break
        :: else
        fi;
        if
        :: before == PARKED -> asleep = asleep | (1 << p)
        :: else
        fi;
#ifdef PLACE_AFTER_UNLOCK
        atomic { !lock -> lock = 1 };
        break;
#endif
        i++
    od;
    atomic { lock = 0; i = 0; won = 0; n = 0; before = 0; p = 0 }
}

inline relay_kick(me)
{
    if
    :: length == 0
    :: else ->
        if
        :: places >= PLACES
        :: else ->
#ifndef NO_READ_LOCK
            reading[me] = 1;
#endif
            choose();
            do
            :: i < TASKS ->
                if
                :: asleep & (1 << i) -> parker_rouse(i)
                :: else
                fi;
                i++
            :: else -> break
            od;
            atomic { reading[me] = 0; asleep = 0; i = 0 }
        fi
    fi
}

/* ---- carrying -------------------------------------------------------------------------------------- */

/* What happens under the lock is one step for everybody else who takes it. */
inline take()
{
    atomic {
        !lock;
        if
        :: length == 0 -> t = NONE
        :: else ->
            t = list[0];
            for (k : 1 .. TASKS - 1) {
                list[k - 1] = list[k]
            }
            length--;
            list[length] = 0;
            k = 0
        fi
    }
}

/* outbox_take() and conn_write(): all that waits is written, or the socket is full. */
inline run_task()
{
    d_step { assert(running[t] == 0 && !freed[t]); running[t]++ };
    frames[t] = 0;
    d_step { assert(running[t] == 1); running[t]-- };
    if
    :: stuck = 0
    :: atomic { left_stuck > 0 -> left_stuck--; stuck = 1 }
    fi
}

inline give_to_owner(me)
{
    reading[me] = 1;
    d_step { assert(!freed[t]); state[t] = OWNER };
    parker_wake(t, WAKE_OWNER);
    d_step { reading[me] = 0; before = 0 }
}

inline carry(me)
{
    d_step { assert(!freed[t] && state[t] == QUEUED); state[t] = RUNNING };
    run_task();
    if
    :: stuck -> give_to_owner(me)
    :: else ->
        atomic {
            assert(!freed[t]);
            if
            :: state[t] == RUNNING -> state[t] = IDLE; won = 1
            :: else -> assert(state[t] == AGAIN); won = 0
            fi
        };
        if
        :: won
        :: else -> state[t] = QUEUED; enqueue(t)
        fi
    fi;
    d_step { stuck = 0; won = 0 }
}

inline relay_carry(me)
{
    do
    :: carried < TURN ->
        take();
        if
        :: t == NONE -> break
        :: else -> carry(me); carried++
        fi
    :: else -> break
    od;
    atomic { carried = 0; t = 0 };
#ifdef LOOK_BEFORE_LEAVING
    if
    :: length == 0 -> leave_place()
    :: else -> leave_place(); relay_kick(me)
    fi
#else
    leave_place();
#ifndef NO_KICK_AFTER_TURN
    relay_kick(me)
#endif
#endif
}

/* ---- owners ---------------------------------------------------------------------------------------- */

inline relay_release(me)
{
    state[me] = IDLE;
#ifndef RELEASE_WITHOUT_POST
    relay_post(me);
#endif
    relay_kick(me)
}

inline relay_retire(me)
{
    do
    :: atomic {
            if
            :: state[me] == IDLE || state[me] == OWNER -> state[me] = DEAD; break
            :: else
            fi
        };
        /* The code polls; polling in vain changes nothing but the parker's word. */
        parker_wait(me, (state[me] == IDLE || state[me] == OWNER));
        if
        :: bits & WAKE_CARRY -> relay_carry(me)
        :: else
        fi
    od;
#ifndef NO_LAST_LOOK
    parker_wait(me, true);
    if
    :: bits & WAKE_CARRY -> relay_carry(me)
    :: else
    fi
#endif
}

#define LOCALS                                                                                       \
    mtype seen = IDLE;                                                                               \
    byte t, p, i, k, n, before, bits, asleep, carried;                                               \
    bit won, stuck, parked

proctype writer(byte me)
{
    LOCALS;
    do
    :: parker_wait(me, false);
        if
        :: bits & WAKE_CARRY -> relay_carry(me)
        :: else
        fi;
        if
#ifdef OWNER_BY_STATE
        :: state[me] == OWNER ->
#else
        :: bits & WAKE_OWNER ->
#endif
            /* conn_flush() may take long, so no place may wait meanwhile. */
            d_step { assert(state[me] == OWNER); assert(!(word[me] & WAKE_CARRY)) };
            assert(!(word[me] & WAKE_CARRY));
            relay_release(me)
        :: else
        fi;
        if
        :: bits & WAKE_STOP -> break
        :: else -> bits = 0
        fi
    od;
    relay_retire(me);
    /* UNREGISTER: when the hub is done with it, and a grace period after that. */
    hub_done && reader_done;
    for (i : 0 .. THREADS - 1) {
        !reading[i]
    }
    freed[me] = 1
}

/* Posts to anybody and kicks whenever it likes, at last after the last post. */
proctype hub()
{
    LOCALS;
    byte posts = POSTS;
    bit dirty;
    do
    :: posts > 0 ->
        atomic {
            posts--;
            select(i : 0 .. TASKS - 1);
            frames[i] = 1
        };
        relay_post(i);
        i = 0;
        dirty = 1
    :: dirty -> relay_kick(HUB); dirty = 0
    :: posts == 0 && !dirty -> break
    od;
    hub_done = 1
}

proctype reader()
{
    LOCALS;
    frames[0] = 1;
    relay_post(0);
    relay_kick(READER_THREAD);
    reader_done = 1
}

proctype stopper()
{
    byte before;
    reading[STOPPER] = 1;
    parker_wake(0, WAKE_STOP);
    reading[STOPPER] = 0
}

/* `timeout` is true when no process can move. */
proctype quiet()
{
    byte x;
    timeout;
    d_step {
        assert(hub_done && reader_done);
        assert(places == 0 && length == 0 && !lock);
        for (x : 0 .. TASKS - 1) {
            assert(state[x] == DEAD || (state[x] == IDLE && !frames[x]));
            assert(state[x] != DEAD || freed[x])
        }
#ifdef RETIRE
        assert(state[0] == DEAD)
#endif
    }
}

init {
    byte x;
    atomic {
        for (x : 0 .. TASKS - 1) {
            state[x] = IDLE;
            run writer(x)
        }
        run hub();
#ifdef READER
        run reader();
#else
        reader_done = 1;
#endif
#ifdef RETIRE
        run stopper();
#endif
        run quiet()
    }
}
