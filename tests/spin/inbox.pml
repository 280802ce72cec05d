/* SPDX-License-Identifier: MIT
 *
 * inbox.pml - a model of src/core/inbox.c and of poll_hub in src/core/loop.c, for spin: posts from
 * other threads against a loop that goes to sleep.
 *
 * Idea     One transition for each atomic operation or system call of the C code, named beside it.
 *          A loop that sleeps while something is posted and nobody is going to write can never move
 *          again: spin reports an invalid end state. So a lost post needs no formula.
 * Checked  I1  What was posted runs. (no invalid end state)
 *          I2  Each post runs once, in the order of its poster.
 *          I3  At most one write each time the loop lies down, and none while it takes and runs.
 *          I4  Nobody touches the box after the loop has closed it. `inside` stands for what keeps
 *              the loop from that: the gate (gate.pml), the slot's counter (signal.c).
 *          I5  No link of the stack is read before it was written, or after its watch was used
 *              again.
 * Memory   MEMORY=0: one total order. MEMORY=1, TSO (x86-64): stores wait in a buffer, which every
 *          read-modify-write empties. MEMORY=2 (aarch64 and the like): besides, read-modify-writes
 *          of different places that are not ordered by their words may change places. The words:
 *          everything is seq_cst as in the C code, unless LOOP_RELEASE (the loop's stores to asleep
 *          are release stores), SEE_RELAXED (the poster's look at asleep is relaxed), PUSH_RELAXED
 *          (its compare-and-swap is relaxed).
 * Planted  NO_WRITE NO_LOOK LOOK_FIRST SEE_FIRST CLEAR_LATE PUSH_PLAIN NO_TURN NEXT_LATE
 *          CLOSE_EARLY, each a mistake that somebody could make, and the three words above.
 * Options  EDGE: the hub tells of each write once (epoll, io_uring), and nothing is read; without,
 *          it tells as long as there is something to read (poll, select). POSTERS, POSTS (each); OTHERS: how often something else ends the sleep; AGAIN: one watch
 *          for all posts of a poster, posted again when it has run; TRACE: the order of steps
 *          becomes part of the state, so that every schedule is visited, and is printed at its end
 *          (what does not exist in the C code as a step of its own, is none then).
 * Told     STEP lines, of which tests/house/spin makes tests/spin/inbox.traces.
 * Not here Processors that are not multi-copy atomic (POWER): see docs/decisions/0009. More loops
 *          than one: a box has one loop.
 */
#ifndef POSTERS
#define POSTERS 1
#endif
#ifndef POSTS
#define POSTS 1
#endif
#ifndef OTHERS
#define OTHERS 1
#endif
#ifndef MEMORY
#define MEMORY 0
#endif

#define ALL     (POSTERS * POSTS)
#define GARBAGE 255

/* ---- the steps, told ----------------------------------------------------------------------------
 * STEP(who, what, value): `spin -t` prints those of a counterexample; TRACE keeps them all.
 */
mtype = { see, flush, read, take, look, poll, store, write, clear, push, load };

#ifdef TRACE
short history[48];
byte length;
#define STEP(who, what, value) \
    printf("STEP %d %e %d\n", who, what, value); \
    history[length] = (who) * 256 + (what) * 16 + (value); \
    length++
#define TOGETHER atomic
#else
#define STEP(who, what, value) printf("STEP %d %e %d\n", who, what, value)
#define TOGETHER
#endif

/* ---- memory ---------------------------------------------------------------------------------- */

byte posted;              /* inbox->posted: the newest watch, 1 .. ALL; 0: NULL */
byte next[ALL + 1] = GARBAGE; /* watch->in.next */
bit asleep;               /* inbox->asleep */
byte count;               /* of the eventfd */
bool alive = true;        /* the box */

#if MEMORY > 0
chan late = [4] of { bit }; /* the loop's stores on their way to memory */
#define STORE_ASLEEP(value) late ! value
#define IN_MEMORY           empty(late)
#else
#define STORE_ASLEEP(value) asleep = value
#define IN_MEMORY           true
#endif

/* Before what follows a store: a seq_cst store ends when it is in memory. */
#ifdef LOOP_RELEASE
#define FENCE true
#else
#define FENCE IN_MEMORY
#endif

#if defined(SEE_RELAXED) && MEMORY == 2
#define SEE_MAY_COME_FIRST true
#else
#define SEE_MAY_COME_FIRST false
#endif

#if defined(PUSH_RELAXED) && MEMORY == 2
#define LINK_MAY_COME_LATE true
#else
#define LINK_MAY_COME_LATE false
#endif

/* ---- for the assertions ---------------------------------------------------------------------- */

byte given[POSTERS + 1], ran[POSTERS + 1]; /* by poster */
byte ran_in_all, sleeps, writes, gone;
bool up;                                   /* the loop takes and runs */
bool inside[POSTERS + 1];

/* ---- hark__inbox_post ------------------------------------------------------------------------ */

inline post_load() /* newest = atomic_load(&inbox->posted) */
{
    atomic {
        assert(alive);
        newest = posted;
        STEP(me, load, newest)
    }
}

/* watch->in.next = newest; atomic_compare_exchange_weak(&inbox->posted, &newest, watch) */
inline post_push()
{
    do
    :: atomic {
        assert(alive);
#ifdef PUSH_PLAIN
        next[watch] = newest;
        posted = watch;
        given[me]++;
        STEP(me, push, 1);
        break
#else
        if
        :: posted == newest ->
            link_is_late = false;
            if
            :: next[watch] = newest
            :: LINK_MAY_COME_LATE -> next[watch] = GARBAGE; link_is_late = true
            fi;
            posted = watch;
            given[me]++;
            STEP(me, push, 1);
            break
        :: posted != newest ->
            newest = posted;
            STEP(me, push, 0)
        fi
#endif
    }
#ifndef TRACE
    :: newest = posted /* a weak one may fail for nothing */
#endif
    od;
    if
    :: link_is_late -> atomic { next[watch] = newest; link_is_late = false }
    :: else
    fi
}

inline post_see() /* slept = atomic_load(&inbox->asleep) */
{
    atomic {
        assert(alive);
        slept = asleep;
        STEP(me, see, slept)
    }
}

inline post_clear() /* atomic_exchange(&inbox->asleep, 0) */
{
    atomic {
        assert(alive);
        slept = asleep;
        asleep = 0;
        STEP(me, clear, slept);
        assert(!slept || !up)
    }
}

inline post_write() /* hark__sys.write(inbox->fd, &one, sizeof one) */
{
    atomic {
        assert(alive);
        writes++;
        assert(writes <= sleeps);
#ifndef NO_WRITE
        count++;
#endif
        STEP(me, write, 1)
    }
}

proctype poster(byte me)
{
    byte watch, newest, done;
    bit slept;
    bool link_is_late;

    do
    :: atomic { done < POSTS ->
#ifdef AGAIN
        ran[me] == done;
        watch = me;
#else
        watch = (me - 1) * POSTS + done + 1;
#endif
        inside[me] = true;
        post_load()
        }
#ifdef SEE_FIRST
        post_see();
        post_push();
#else
        if
        :: !SEE_MAY_COME_FIRST ->
            post_push();
            post_see()
        :: SEE_MAY_COME_FIRST ->
            post_push();
            post_see()
        :: SEE_MAY_COME_FIRST ->
            post_see();
            post_push()
        fi;
#endif
        if
        :: slept -> post_clear()
        :: else
        fi;
        if
        :: slept -> post_write()
        :: else
        fi;
        atomic { done++; inside[me] = false }
    :: atomic { done == POSTS -> gone++; break }
    od
}

/* ---- poll_hub, with hark__inbox_sleep, _awake, _report and _drain ---------------------------- */

inline loop_sleep() /* hark__inbox_sleep */
{
    atomic { STORE_ASLEEP(1); sleeps++; STEP(0, store, 1) } /* atomic_store(&asleep, 1) */
}

inline loop_look() /* if (atomic_load(&posted)) */
{
    atomic { FENCE; found = posted; STEP(0, look, found) }
}

inline loop_poll() /* class->poll(hub, found ? 0 : -1, ...) */
{
    FENCE;
    if
    :: atomic { count > 0 ->
           told = true;
#ifdef EDGE
           count = 0;
#endif
           STEP(0, poll, 1) }
    :: atomic { count == 0 && found -> told = false; STEP(0, poll, 0) }
    :: atomic { count == 0 && !found && others > 0 -> others--; told = false; STEP(0, poll, 0) }
    fi
}

inline loop_awake() /* hark__inbox_awake: atomic_store(&asleep, 0) */
{
    atomic { STORE_ASLEEP(0); STEP(0, store, 0) }
}

inline loop_report() /* hark__inbox_report: hark__sys.read(fd, &count, sizeof count) */
{
#ifdef EDGE
    skip
#else
    if
    :: told -> atomic { STEP(0, read, count); count = 0 }
    :: else
    fi
#endif
}

inline turn_round() /* the first loop of hark__inbox_drain */
{
    d_step {
        oldest = 0;
        do
        :: watch ->
            assert(next[watch] != GARBAGE);
            then = next[watch];
            next[watch] = oldest;
            oldest = watch;
            watch = then
        :: else -> break
        od;
        then = 0
    }
}

inline run_one() /* watch = oldest; oldest = watch->in.next; watch->fn(watch->arg) */
{
    watch = oldest;
#ifndef NEXT_LATE
    oldest = next[watch];
#endif
    who = (watch - 1) / (ALL / POSTERS) + 1;
#ifdef AGAIN
    who = watch;
#else
    assert((watch - 1) % POSTS == ran[who]);
#endif
    assert(ran[who] < given[who]);
#ifndef AGAIN
    next[watch] = GARBAGE; /* its owner may use it for anything now */
#endif
    ran[who]++;
    ran_in_all++
}

inline loop_drain() /* atomic_exchange(&posted, NULL), and all that was taken runs */
{
    TOGETHER {
        atomic {
            IN_MEMORY;
            watch = posted;
            posted = 0;
            up = true;
            STEP(0, take, watch)
        }
#ifdef NO_TURN
        oldest = watch;
#else
        turn_round();
#endif
        do
        :: oldest ->
            atomic { run_one() }
#ifdef NEXT_LATE
            oldest = next[watch]
#endif
        :: else -> break
        od;
        watch = 0;
        who = 0
    }
}

proctype loop()
{
    byte watch, oldest, then, who, found, others = OTHERS;
    bool told;

    do
#ifdef LOOK_FIRST
    :: atomic { ran_in_all < ALL -> up = false; loop_look() }
        loop_sleep();
#else
    :: atomic { ran_in_all < ALL -> up = false; loop_sleep() }
#ifndef NO_LOOK
        loop_look();
#endif
#endif
        if
        :: found -> loop_awake()
        :: else
        fi;
        loop_poll();
#ifndef CLEAR_LATE
        loop_awake();
#endif
        loop_report();
        loop_drain();
#ifdef CLEAR_LATE
        loop_awake();
#endif
    :: atomic { ran_in_all == ALL -> gone++; break }
    od;
#ifndef TRACE
#ifndef CLOSE_EARLY
    atomic { !inside[1];
#if POSTERS > 1
        !inside[2]
#endif
    }
#endif
    alive = false /* hark__inbox_close */
#endif
}

/* ---- the whole ------------------------------------------------------------------------------- */

#if MEMORY > 0
active proctype buffer()
{
    bit value;

end:
    do
    :: atomic { late ? value -> asleep = value; STEP(3, flush, value); value = 0 }
    od
}
#endif

#ifdef TRACE
active proctype printer()
{
    gone == POSTERS + 1;
    c_code {
        static const char *const names[] = {"",     "load",  "push", "clear", "write", "store",
                                            "poll", "look",  "take", "read", "flush", "see"};
        for (int i = 0; i < now.length; i++) {
            int step = now.history[i];
            printf("%s%d %s %d", i ? ", " : "SCHEDULE ", step >> 8, names[step >> 4 & 15],
                   step & 15);
        }
        printf("\n");
    }
}
#endif

init
{
    atomic {
        run loop();
        run poster(1);
#if POSTERS > 1
        run poster(2)
#endif
    }
}
