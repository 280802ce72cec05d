/* SPDX-License-Identifier: MIT
 *
 * gate.pml - a model of src/core/post.c, of the gate in src/core/inbox.c, and of the end of a loop (src/core/run.c), for spin: threads
 * that hold a loop, post to it and drop it, against a loop that sleeps, may be deadlocked, and ends.
 *
 * Idea     One transition for each atomic operation or system call, as in inbox.pml, which is where
 *          the box itself is checked: here it is a counter.
 * Checked  N1  What was accepted has run when the loop has ended, and nothing else has.
 *          N2  Nobody writes into the descriptor after it was closed, or touches freed memory; and
 *              at the end the memory is freed.
 *          N3  A deadlock is told only when nobody holds the loop and nothing is in the box; and
 *              when nobody does, the loop does not sleep. (no invalid end state)
 * Planted  NO_WAIT (the loop closes while somebody is inside), NO_LAST_RUN, BOX_FIRST (the box is
 *          looked at before the holds), NO_DROP_WAKE, DROP_ONLY_WAKES (the loop may have looked at the
 *          holds and not be asleep yet), UNREF_FIRST (memory is given up before the
 *          last wake), NO_GATE (who posts does not look whether the box is shut), OUTSIDE (who wakes
 *          does not go in), ENTERED_LATE
 *          (... goes in when it has taken `asleep` away), NO_SECOND_WAIT (the descriptor is closed while who has answered is inside), GATE_ALONE
 *          (with the box shut who waits for an answer holds the loop no more), NOT_ENTERED (a worker that
 *          answers, and holds nothing, does not go in).
 * Options  POSTERS, POSTS (each); ANSWER: a task of the loop waits for an answer from another thread
 *          (hark__loop_answer), also when the box is shut; WORKER: the same from a worker, which holds
 *          nothing, but goes in while the task waits still (end_job of src/thread/thread.c).
 * Memory   One total order: every operation here is seq_cst.
 */
#ifndef POSTERS
#define POSTERS 2
#endif
#ifndef POSTS
#define POSTS 1
#endif

#if defined(ANSWER) && !defined(WORKER)
#define HOLDERS (POSTERS + 1)
#define HELD_BY_ITSELF 0
bool waits = true;
#elif defined(ANSWER)
#define HOLDERS POSTERS
#define HELD_BY_ITSELF waits /* loop->holds */
bool waits = true;
#else
#define HELD_BY_ITSELF 0
#define HOLDERS POSTERS
#define waits   false
#endif

byte inside, held = HOLDERS, refs = HOLDERS + 1;
bool answer; /* in the box, too */
bool closed, asleep, written;
bool descriptor = true, memory = true;
byte box, accepted, ran;
bool nudge; /* in the box, too: what the last drop posts, for the loop to look again */

inline go_in() /* hark__inbox_enter */
{
    atomic {
        assert(memory);
        inside++
    }
}

inline go_out()
{
    atomic {
        assert(memory);
        inside--
    }
}

inline see()
{
    atomic {
        assert(memory);
        slept = asleep
    }
}

inline clear()
{
    atomic {
        assert(memory);
        slept = asleep;
        asleep = false
    }
}

inline ring()
{
    if
    :: slept ->
        atomic {
            assert(memory && descriptor);
            written = true
        }
    :: else
    fi;
    slept = false
}

inline wake_from_outside() /* of src/core/inbox.c */
{
    see();
    if
    :: slept ->
#ifdef ENTERED_LATE
        clear();
#endif
#ifndef OUTSIDE
        go_in();
#endif
#ifndef ENTERED_LATE
        clear();
#endif
        ring();
#ifndef OUTSIDE
        go_out()
#endif
    :: else
    fi
}

inline unref()
{
    atomic {
        assert(memory);
        refs--;
        memory = refs > 0
    }
}

inline drop()
{
#ifdef UNREF_FIRST
    unref();
#endif
    atomic {
        assert(memory);
        held--;
        last = held == 0
    }
#ifndef NO_DROP_WAKE
    if
    :: last ->
        atomic {
            assert(memory);
            may = !closed;
#ifndef DROP_ONLY_WAKES
            if
            :: may -> nudge = true
            :: else
            fi
#endif
        }
        if
        :: may -> wake_from_outside()
        :: else
        fi
    :: else
    fi;
#endif
#ifndef UNREF_FIRST
    unref()
#endif
}

proctype poster()
{
    bool may, slept, last;
    byte i;

    for (i : 1 .. POSTS) {
        atomic { /* hark__inbox_offer: the push */
            assert(memory);
#ifdef NO_GATE
            may = true;
#else
            may = !closed;
#endif
            if
            :: may ->
                box++;
                accepted++
            :: else
            fi
        }
        if
        :: may -> wake_from_outside()
        :: else
        fi
    }
    drop()
}

#ifdef ANSWER
proctype answerer()
{
    bool may, slept, last;

#ifndef NOT_ENTERED
    go_in();
#endif
    atomic {
        assert(memory);
        answer = true
    }
    see();
    if
    :: slept ->
        clear();
        ring()
    :: else
    fi;
#ifndef NOT_ENTERED
    go_out();
#endif
#ifndef WORKER
    drop()
#endif
}
#endif

inline run_the_box()
{
    atomic {
        ran = ran + box;
        box = 0;
        nudge = false;
#ifdef ANSWER
        waits = waits && !answer;
        answer = false
#endif
    }
}

inline sleep()
{
    asleep = true;
    if
    :: box > 0 || nudge || answer -> asleep = false
    :: else ->
        written;
        written = false;
        asleep = false
    fi
}

proctype loop()
{
    byte holds, posts;

again:
    run_the_box();
    if
    :: goto finish /* its tasks have ended, but for one that waits for an answer */
    :: true        /* its task waits for more */
    fi;
#ifdef BOX_FIRST
    posts = box + nudge + answer;
    holds = held + HELD_BY_ITSELF;
#else
    holds = held + HELD_BY_ITSELF;
    posts = box + nudge + answer;
#endif
    if
    :: holds == 0 && posts == 0 ->
        assert(held == 0 && box == 0 && !waits);
        goto finish
    :: else
    fi;
    sleep();
    goto again;
finish:
    closed = true;
#ifndef NO_WAIT
    inside == 0;
#endif
#ifndef NO_LAST_RUN
    run_the_box();
#endif
    do
    :: waits ->
#ifdef GATE_ALONE
        assert(box > 0 || nudge || answer); /* else a deadlock is told */
#endif
        sleep();
        run_the_box()
    :: else -> break
    od;
#if !defined(NO_SECOND_WAIT) && !defined(NO_WAIT)
    inside == 0;
#endif
    descriptor = false;
    assert(ran == accepted);
    unref()
}

init
{
    byte i;

    atomic {
        run loop();
#ifdef ANSWER
        run answerer();
#endif
        for (i : 1 .. POSTERS) {
            run poster()
        }
    }
    _nr_pr == 1;
    assert(!memory && ran == accepted)
}
