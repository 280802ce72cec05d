/* SPDX-License-Identifier: MIT
 *
 * meet.c - waiting for somebody who may be in another loop or in no loop at all; meet.h has the
 * rules.
 *
 * Idea     A task that waits is woken by a post to its own loop, for nobody else may touch its
 *          record; in its own loop at once. A thread that waits has a semaphore.
 * Why so   A cancellation and an answer may come at the same time, in two threads. Who of them
 *          finds the party in its crowd, under the lock, decides; the other one's word comes too
 *          late. A task that is cancelled when it was taken already waits once more, for the post
 *          that is on its way to it lies on its stack.
 */
#include <hark/thread.h>
#include <hark/time.h>
#include <string.h>

#include "thread/meet.h"

/* ---- crowds, under the lock ------------------------------------------------------------------ */

static void join(struct hark_crowd *crowd, struct hark__party *party)
{
    party->crowd = crowd;
    party->next = NULL;
    party->prev = crowd->last;
    *(crowd->last ? &crowd->last->next : &crowd->first) = party;
    crowd->last = party;
    crowd->count++;
}

static void take_out(struct hark__party *party)
{
    struct hark_crowd *crowd = party->crowd;

    *(party->prev ? &party->prev->next : &crowd->first) = party->next;
    *(party->next ? &party->next->prev : &crowd->last) = party->prev;
    party->crowd = NULL;
    crowd->count--;
}

struct hark__party *hark__crowd_take(struct hark_crowd *crowd, int result)
{
    struct hark__party *party = planted(crowd_takes_the_last) ? crowd->last : crowd->first;

    if (party) {
        take_out(party);
        party->result = result;
        party->next = NULL;
    }
    return party;
}

struct hark__party *hark__crowd_take_all(struct hark_crowd *crowd, int result)
{
    struct hark__party *first = crowd->first;

    for (struct hark__party *party = first; party; party = party->next) {
        party->crowd = NULL;
        party->result = result;
    }
    *crowd = (struct hark_crowd){NULL, NULL, 0};
    return first;
}

/* ---- answering ------------------------------------------------------------------------------- */

/* In the party's loop. */
static void deliver(void *arg)
{
    struct hark__party *party = arg;

    party->answered = true;
    hark__here->holds -= party->counts;
    hark__spin_end(hark__here, party->spun);
    if (party->task) {
        hark__ready(hark__here, party->task, 0);
    }
}

/* Rule K2: what is needed afterwards is read before. */
void hark__party_answer(struct hark__party *party)
{
    hark_loop *home = party->home;

    if (!home) {
        __atomic_store_n(&party->answered, true, __ATOMIC_RELEASE);
        sem_post(&party->done);
    } else if (home == hark__here) {
        deliver(party);
        hark_loop_drop(home);
    } else {
        party->post.fn = deliver;
        party->post.arg = party;
        hark__loop_answer(home, &party->post);
    }
}

void hark__party_answer_all(struct hark__party *party)
{
    while (party) {
        struct hark__party *next = party->next;
        hark__party_answer(party);
        party = next;
    }
}

/* ---- waiting, as a task ---------------------------------------------------------------------- */

static struct hark__party *party_of(const hark__task *task)
{
    return (struct hark__party *)task->in.waiter.next;
}

/* Rule K1. */
static void leave(hark__task *task)
{
    struct hark__party *party = party_of(task);

    pthread_mutex_lock(party->lock);
    party->left = party->crowd != NULL;
    if (party->left && !planted(cancelled_party_stays_in_its_crowd)) {
        take_out(party);
    }
    pthread_mutex_unlock(party->lock);
    party->task = NULL;
}

static bool is_answered(const hark__task *task)
{
    return party_of(task)->answered;
}

static void describe_party(const hark__task *task, struct hark__text *text)
{
    const struct hark__party *party = party_of(task);
    hark__text_put(text, " (%s at %p)", party->what, party->where);
}

static void stands_as_party(const hark__task *task, struct hark__audit *audit)
{
    const struct hark__party *party = party_of(task);

    if (party->task != task || party->home != hark__here) {
        hark__audit_broken(audit, "K1", task, "waits as a party that is not its own");
    }
    if (party->counts) {
        hark__audit_hold(audit);
    }
}

static const struct hark__wait_kind party_kind = {
    .what = "somebody of another loop or thread",
    .leave = leave,
    .describe = describe_party,
    .says_where = true,
    .there = is_answered,
    .stands = stands_as_party,
};
static const struct hark__wait_kind taken_party_kind = {
    .what = "the answer of another loop or thread",
    .describe = describe_party,
    .says_where = true,
    .there = is_answered,
    .stands = stands_as_party,
};

static int park(struct hark__party *party, const struct hark__wait_kind *kind)
{
    hark__task *self = hark__here->running;

    self->in.waiter.next = (struct hark_waiter *)party;
    party->task = self;
    return hark__park(kind);
}

static int wait_as_task(struct hark__party *party)
{
    party->spun = hark__spin_begin(party->home, HARK__SPIN_USUAL);
    int error = park(party, &party_kind);

    if (party->left) {
        hark__here->holds -= party->counts;
        hark__spin_leave(hark__here, party->spun);
        hark_loop_drop(party->home);
        return error;
    }
    if (!party->answered && !planted(taken_party_leaves)) {
        park(party, &taken_party_kind);
    }
    return party->result;
}

/* ---- waiting, as a thread -------------------------------------------------------------------- */

/* Did nobody take it in time? */
static bool gives_up(struct hark__party *party)
{
    pthread_mutex_lock(party->lock);
    bool left = party->crowd != NULL;
    if (left) {
        take_out(party);
    }
    pthread_mutex_unlock(party->lock);
    return left;
}

static int wait_as_thread(struct hark__party *party, int64_t until)
{
    struct timespec end = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    int error = 0;

    hark__spin_for(&party->done);
    while (until != HARK_FOREVER &&
           (error = sem_clockwait(&party->done, CLOCK_MONOTONIC, &end) ? errno : 0) == EINTR) {}
    if (error == ETIMEDOUT && gives_up(party)) {
        sem_destroy(&party->done);
        return -ETIMEDOUT;
    }
    while ((error || until == HARK_FOREVER) && sem_wait(&party->done)) {}
    (void)__atomic_load_n(&party->answered, __ATOMIC_ACQUIRE); /* TSan knows no sem_clockwait */
    sem_destroy(&party->done);
    return party->result;
}

/* ---- both ------------------------------------------------------------------------------------ */

static bool is_in_loop(void)
{
    return hark__here && hark__here->runs;
}

int hark__party_enter(const char *call)
{
    if (!is_in_loop()) {
        return 0;
    }
    int error = hark__enter_task(call);
    if (!error && unlikely(!hark__here->inbox) && (error = hark__inbox_open(hark__here))) {
        hark__fail(error, call, "no descriptor or memory for the loop's post box");
    }
    return error;
}

int hark__party_wait(struct hark__party *party, struct hark_crowd *crowd, pthread_mutex_t *lock,
                     int64_t until)
{
    bool in_loop = is_in_loop();

    party->lock = lock;
    party->left = party->answered = false;
    party->task = NULL;
    party->post = (hark_watch){0};
    party->counts = party->spun = false;
    party->home = NULL;
    if (in_loop) {
        party->home = hark_loop_hold(hark__here); /* its post box is there */
        party->counts = hark__here->shut;         /* being held keeps it from nothing any more */
        hark__here->holds += party->counts;
    } else {
        sem_init(&party->done, 0, 0);
    }
    join(crowd, party);
    pthread_mutex_unlock(lock);
    return in_loop ? wait_as_task(party) : wait_as_thread(party, until);
}
