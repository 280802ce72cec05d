/* SPDX-License-Identifier: MIT
 *
 * job.pml - a model of src/thread/thread.c, for spin: jobs given to workers against their
 * abandonment, against the end of the loop.
 *
 * Idea     One lane. The loop's thread is one process: its tasks and callbacks take turns in it, in
 *          any order that the loop allows. Each worker is a process. What stands under the lane's
 *          lock is one step where nothing outside the lock can see it; a post is three steps, as in
 *          inbox.pml, which is where its own order is checked. Whoever spins is on its way to the
 *          lock, as far as this is concerned.
 *          Memory is modelled as who may touch it: `alive` for a job, `box` for the loop's post box.
 * Checked  J1  No job is touched after it was given back or dropped, and the box not after it was
 *              closed. (T3)
 *          J2  A job is given back or dropped, not both, and once. (T1, T2)
 *          J3  fn runs once; of a job that was abandoned while queued, never. (T2, W2)
 *          J4  A job without drop is never abandoned; a job that was posted is never. (T2)
 *          J5  `holds` counts the jobs that will still be delivered, and is 0 at the end. (W3)
 *          J6  Everybody comes to an end: no invalid end state. A worker gives up waiting only while
 *              the queue is empty, so a call that was lost is seen. The lane is empty then, no call
 *              is left over, and asleep <= idle <= threads <= limit always. (W5)
 *          J7  The lock is held by one, and given up by who holds it.
 * Planted  DROP_TWICE, FREE_EARLY (a cancelled task takes its job with it while a worker has it),
 *          LEFT_IN_QUEUE, POST_ANYWAY (the worker does not look whether the job was abandoned),
 *          NOT_ENTERED (the worker posts without having gone into the box), ENTERED_LATE (it goes in
 *          when it has posted), LATE_WORD (it says that the job is posted when it has let go of the
 *          lock), NO_GATE (the loop closes the box while somebody is inside), NO_CALL,
 *          LEFT_CALL (a sleeper whose time is up leaves though it was called), KEEP_HOLD, SECOND_WAIT_FORGOTTEN (a cancelled task that finds its job posted
 *          does not wait for the delivery).
 * Options  JOBS, LIMIT (of workers).
 * Not here Forks (W4). Several lanes, which share nothing. More loops than one: a worker knows the
 *          loop of a job by the job only.
 */
#ifndef JOBS
#define JOBS 2
#endif
#ifndef LIMIT
#define LIMIT 2
#endif

#define NOBODY 255
#define NONE   JOBS

mtype = { FRESH, QUEUED, RUNNING, POSTED, ABANDONED };
mtype = { AWAY, PARKED, PARKED_FIRMLY, READY, CANCELLED, OVER };

typedef job {
    mtype state = FRESH;
    bool loose;     /* it has a drop */
    bool task;      /* job->task is not NULL */
    bool delivered; /* job->delivered */
    bool alive;     /* memory of it may be touched */
    bool begun, gone_back, dropped, unheld;
};
job jobs[JOBS];
mtype tasks[JOBS] = AWAY;  /* of the task that waits for the job of this number */
bool abandoned[JOBS];      /* visit.abandoned: on the task's stack */

/* ---- the lane -------------------------------------------------------------------------------- */

byte owner = NOBODY; /* lane->lock: 0 the loop, 1 .. LIMIT a worker */
chan queue = [JOBS] of { byte };
byte threads, idle, asleep, calls;

/* ---- the loop -------------------------------------------------------------------------------- */

bool box = true; /* not closed */
byte inside;     /* inbox->inside */
chan posted = [JOBS] of { byte };
byte holds, over;

inline lock(who)
{
    atomic { owner == NOBODY -> owner = who }
}

inline unlock(who)
{
    atomic { assert(owner == who); owner = NOBODY }
}

inline drop(number) /* job->drop(job) */
{
    atomic {
        assert(jobs[number].alive);
        assert(jobs[number].loose);
        assert(!jobs[number].dropped && !jobs[number].gone_back);
        jobs[number].dropped = true;
        jobs[number].alive = false
    }
}

/* ---- in a worker: work, rest, do_one, post --------------------------------------------------- */

inline enter()
{
    atomic { assert(box); inside++ }
}

inline say() /* the job is posted: now it cannot be abandoned any more */
{
    atomic {
        assert(jobs[mine].alive && jobs[mine].state != ABANDONED);
        jobs[mine].state = POSTED
    }
}

inline post() /* hark__inbox_post */
{
    atomic {
        assert(jobs[mine].alive && box); /* job->inbox, &job->news; the push */
        posted ! mine
    }
    atomic { assert(box) } /* atomic_exchange(&inbox->asleep, 0) */
    atomic { assert(box) } /* write(inbox->fd, ...) */
}

inline do_one()
{
    atomic { /* take_out; idle--; state = RUNNING; unlock */
        assert(owner == me);
        queue ? mine;
        assert(jobs[mine].alive && jobs[mine].state == QUEUED);
        idle--;
        jobs[mine].state = RUNNING
    }
    unlock(me);
    atomic { /* job->fn(job) begins */
        assert(jobs[mine].alive && !jobs[mine].begun);
        jobs[mine].begun = true
    }
    assert(jobs[mine].alive); /* ... and ends */
    lock(me);
    assert(jobs[mine].alive);
    if
#ifdef POST_ANYWAY
    :: true ->
#else
    :: jobs[mine].state != ABANDONED ->
#endif
#ifndef LATE_WORD
        say();
#endif
        atomic { idle++; assert(idle <= threads) }
#if !defined(NOT_ENTERED) && !defined(ENTERED_LATE)
        enter();
#endif
        unlock(me);
#ifdef LATE_WORD
        say();
#endif
        post();
#ifdef ENTERED_LATE
        enter();
#endif
#ifndef NOT_ENTERED
        atomic { assert(box); inside-- }
#endif
        lock(me)
#ifndef POST_ANYWAY
    :: else ->
        unlock(me);
        drop(mine);
        lock(me);
        atomic { idle++; assert(idle <= threads) }
#endif
    fi;
    mine = NONE
}

inline rest() /* sleep_until there is something, or a second has passed */
{
    timed_out = false;
    do
    :: len(queue) == 0 && !timed_out ->
        atomic { assert(owner == me); asleep++; assert(asleep <= idle); owner = NOBODY }
        if
        :: atomic { calls > 0 -> calls-- }
        :: atomic { calls == 0 && empty(queue) -> timed_out = true }
        fi;
        lock(me);
        if
        :: timed_out && asleep > 0 -> asleep--
#ifndef LEFT_CALL
        :: timed_out && asleep == 0 -> /* we were called meanwhile */
            unlock(me);
            atomic { calls > 0 -> calls--; timed_out = false }
            lock(me)
#endif
        :: else
        fi
    :: else -> break
    od
}

proctype worker(byte me)
{
    byte mine = NONE;
    bool timed_out;

    lock(me);
    do
    :: nempty(queue) -> do_one()
    :: empty(queue) ->
        rest();
        if
        :: nempty(queue)
        :: empty(queue) -> break
        fi
    od;
    atomic { idle--; threads--; unlock(me) }
}

/* ---- in the loop: submit, hark__thread_run, leave_job, deliver ------------------------------- */

inline append()
{
    queue ! number;
    jobs[number].state = QUEUED;
    jobs[number].alive = true
}

/* start_thread fails whenever it likes. */
inline submit()
{
    lock(0);
    atomic {
        append();
        error = false;
        if
        :: len(queue) > idle && threads < LIMIT ->
            if
            :: run worker(next_worker); next_worker = next_worker % 200 + 1; threads++; idle++
            :: error = true
            fi
        :: else
        fi;
        if
        :: error && threads == 0 -> queue ?? eval(number)
        :: else ->
            error = false;
#ifndef NO_CALL
            call = asleep > 0 && len(queue) > idle - asleep; /* take_sleeper */
            asleep = asleep - call
#endif
        fi
    }
    unlock(0);
    if
    :: call -> atomic { calls++; call = false } /* sem_post */
    :: else
    fi
}

inline begin_call() /* hark__thread_run to its first wait */
{
    if
    :: jobs[number].loose = true
    :: jobs[number].loose = false
    fi;
    submit();
    atomic {
        if
        :: error ->
            jobs[number].alive = false;
            jobs[number].gone_back = true;
            tasks[number] = OVER;
            over++
        :: else ->
            holds++;
            jobs[number].task = true;
            tasks[number] = PARKED
        fi
    }
}

inline leave_job() /* a cancellation reaches the parked task; without drop it only tells the thread */
{
    lock(0);
    atomic {
        assert(jobs[number].alive);
        was = jobs[number].state;
        if
#ifndef LEFT_IN_QUEUE
        :: was == QUEUED && jobs[number].loose -> queue ?? eval(number)
#endif
        :: else
        fi;
        if
        :: was != POSTED && jobs[number].loose ->
            jobs[number].state = ABANDONED;
            abandoned[number] = true
        :: else
        fi;
        jobs[number].task = false
    }
    unlock(0);
    if
#ifdef KEEP_HOLD
    :: false
#else
    :: abandoned[number] -> holds--; jobs[number].unheld = true
#endif
    :: else
    fi;
    if
#ifdef DROP_TWICE
    :: was != POSTED && jobs[number].loose -> drop(number)
#else
    :: was == QUEUED && jobs[number].loose -> drop(number)
#endif
#ifdef FREE_EARLY
    :: was == RUNNING -> jobs[number].alive = false
#endif
    :: else
    fi;
    tasks[number] = CANCELLED
}

inline deliver() /* a callback of the post box */
{
    atomic {
        posted ? number;
        assert(jobs[number].alive && !jobs[number].unheld);
        assert(holds > 0);
        holds--;
        jobs[number].unheld = true;
        jobs[number].delivered = true;
        if
        :: jobs[number].task -> jobs[number].task = false; tasks[number] = READY
        :: else
        fi
    }
}

inline go_on() /* the task behind its wait */
{
    if
    :: abandoned[number] -> /* -ECANCELED: the job is no longer the caller's */
        assert(jobs[number].loose);
        tasks[number] = OVER;
        over++
#ifndef SECOND_WAIT_FORGOTTEN
    :: !abandoned[number] && !jobs[number].delivered ->
        atomic {
            assert(jobs[number].alive && tasks[number] == CANCELLED);
            jobs[number].task = true;
            tasks[number] = PARKED_FIRMLY
        }
#endif
    :: else ->
        atomic { /* back: its owner frees it */
            assert(jobs[number].alive && jobs[number].begun);
            assert(!jobs[number].dropped && !jobs[number].gone_back);
            jobs[number].alive = false;
            jobs[number].gone_back = true;
            tasks[number] = OVER;
            over++
        }
    fi
}

#define CAN_GO_ON(n) (tasks[n] == READY || tasks[n] == CANCELLED)
#define CAN_LEAVE(n) (tasks[n] == PARKED && jobs[n].task)

active proctype loop()
{
    byte number, next_worker = 1;
    mtype was;
    bool error, call;

    do
    :: tasks[0] == AWAY -> number = 0; begin_call()
    :: CAN_LEAVE(0) -> number = 0; leave_job()
    :: CAN_GO_ON(0) -> number = 0; go_on()
#if JOBS > 1
    :: tasks[1] == AWAY -> number = 1; begin_call()
    :: CAN_LEAVE(1) -> number = 1; leave_job()
    :: CAN_GO_ON(1) -> number = 1; go_on()
#endif
#if JOBS > 2
    :: tasks[2] == AWAY -> number = 2; begin_call()
    :: CAN_LEAVE(2) -> number = 2; leave_job()
    :: CAN_GO_ON(2) -> number = 2; go_on()
#endif
    :: nempty(posted) -> deliver()
    :: over == JOBS -> break
    od;
    assert(holds == 0 && empty(posted));
#ifndef NO_GATE
    inside == 0; /* hark__gate_close */
#endif
    box = false; /* hark__inbox_close, and the loop is freed */

    /* A second or a year later. */
    threads == 0;
    assert(idle == 0 && empty(queue) && owner == NOBODY && asleep == 0 && calls == 0);
    number = 0;
    do
    :: number < JOBS ->
        assert(!jobs[number].alive);
        assert(jobs[number].dropped != jobs[number].gone_back);
        assert(jobs[number].dropped == abandoned[number]);
        number++
    :: else -> break
    od
}
