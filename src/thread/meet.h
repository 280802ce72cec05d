/* SPDX-License-Identifier: MIT
 *
 * meet.h - waiting for somebody who may be in another loop or in no loop at all.
 *
 * A party is who waits, on its own stack; a crowd is a list of them, under the lock of what they
 * wait for. Whoever has something for a party takes it out of its crowd under the lock, writes the
 * result, lets go of the lock, and answers it.
 *
 *     lock; nothing there? hark__party_wait (which unlocks)          lock; hark__crowd_take;
 *     unlock;
 *                                          <------------------------ hark__party_answer
 *
 * Rules    K1  A party leaves its crowd once: taken by who has something for it, or on its own. So
 *              a wake-up that was given is kept: who was taken waits for the answer, cancelled or
 *              not.
 *          K2  Once it is answered nobody touches a party; until then its memory is there.
 *          K3  A party of a loop holds it: its memory, so that who answers can post, and its clock.
 *          K4  Under the lock nothing waits, allocates, or makes a system call.
 */
#ifndef HARK_THREAD_MEET_H
#define HARK_THREAD_MEET_H

#include <hark/link.h>
#include <hark/promise.h>
#include <semaphore.h>

#include "thread/thread.h"

struct hark__party {
    struct hark__party *next, *prev;
    struct hark_crowd *crowd; /* NULL: taken */
    void *item;               /* of whoever uses crowds */
    int result;
    bool left;     /* cancelled before it was taken */
    bool answered; /* of a task: in its loop */
    bool counts;   /* as a thread at work for its loop, which is finishing */
    bool spun;     /* its loop awaits the answer awake */
    const char *what;
    const void *where;
    hark_loop *home; /* NULL: a thread waits */
    hark__task *task;
    pthread_mutex_t *lock;
    hark_watch post;
    sem_t done;
};

/* A checkpoint in a task. Anywhere else in a running loop: -ENOTSUP; in a thread without one: 0. To
 * be called before the lock is taken: from then on it can wait. */
int hark__party_enter(const char *call);

/* Under the lock, which is let go of: wait at the crowd's end, until `until` at most (of
 * hark__clock; in a thread only; HARK_FOREVER: for ever). What it was answered with; -ECANCELED,
 * -ETIMEDOUT: nobody has taken it. */
int hark__party_wait(struct hark__party *party, struct hark_crowd *crowd, pthread_mutex_t *lock,
                     int64_t until);

/* Under the lock: the first is taken, and will be answered with `result`; NULL: nobody is there. */
struct hark__party *hark__crowd_take(struct hark_crowd *crowd, int result);
/* Under the lock: all are taken, and are a chain by `next`. */
struct hark__party *hark__crowd_take_all(struct hark_crowd *crowd, int result);
/* Without the lock. */
void hark__party_answer(struct hark__party *party);
void hark__party_answer_all(struct hark__party *first);

/* promise.c: `words` may be long, and `code` is a failure that was checked. */
int hark__promise_fail_with(hark_promise *p, int code, const char *words);

#endif
