/* SPDX-License-Identifier: MIT
 *
 * thread.c - the workers.
 *
 * Idea     Each lane is a queue of jobs, a lock and some threads, for the whole process. A job that
 *          finds no idle thread starts one, up to a limit; a thread that has had nothing to do for
 *          a second ends. When a job is done its worker posts it to the loop, which makes the task
 *          ready.
 *
 *              queued --a worker takes it--> running --fn has returned--> posted --> delivered
 *                 |                            |
 *                 +--------- abandoned --------+        (posted: too late, the result stands)
 *
 * Why so   A loop can end as soon as its last task has gone on, and then the post box is no more: a
 *          worker that had not quite left it would touch freed memory. So a worker goes into the
 *          box under the lane's lock, together with the decision that the job is posted and not
 *          abandoned any more; then it lets go of the lock, posts, and leaves; and the loop closes
 *          no box that somebody is inside of. The lock is static, and never ends.
 *          Nobody is woken under the lock, for it would wake up to run into it, and sleep again:
 *          twice the cost of the whole. For the same reason a sleeper is called by a semaphore of
 *          the lane, and not by a condition; `asleep` counts the sleepers whom nobody has called
 *          yet, so that whoever is awake anyway is not called, and each call finds its sleeper.
 * Rules    W1  What is under the lock is short: no job runs there, and nothing waits.
 *          W2  A job that was abandoned while queued never runs.
 *          W3  Each job under way holds its loop, so that no deadlock is reported.
 *          W4  A child that was forked starts with empty lanes and no threads.
 *          W5  `idle` are the threads that will look at the queue without being started: also
 *              those just born, and those that are about to post. So what is asked for next finds
 *              the thread that was last used, awake still if it comes at once.
 *          W9  A worker cannot be cancelled by pthread_cancel, but where fn itself allows it.
 *          W11 A worker that spins looks without the lock, and only tries to take it: else it would
 *              run into who hands it a job. Nobody spins where there is one processor, nor on the
 *              one that the other side was last seen on, nor often while it does not pay.
 * Not here What the program calls in threads, and its limits (call.c); calls into loops (into.c).
 */
#include <hark/thread.h>
#include <limits.h>
#include <semaphore.h>
#include <string.h>

#include "thread/thread.h"

#define IDLE_NS HARK_S(1)
#define PAUSES  16 /* between two looks at the clock */

enum { QUEUED, RUNNING, POSTED, ABANDONED };

struct lane {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    sem_t calls;      /* one for each sleeper that was called */
    const char *name; /* of its threads; the kernel keeps 15 bytes */
    int limit, threads, idle;
    int asleep;        /* of the idle: those who have not been called yet */
    atomic_int queued; /* changed under the lock, looked at without */
    int ending;        /* calls of hark_threads_end under way: who is idle ends now */
    unsigned endings;  /* ... so far: who was there before the latest ends when it is done */
    hark__thread_job *first, *last;
};

#define LANE(title, most) \
    { \
        .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .name = (title), \
        .limit = (most) \
    }
static __thread struct lane *lane_here; /* in a worker */
static __thread struct {                /* in a worker */
    int64_t span; /* of its latest job: how long to await the next one awake */
    int loops;    /* the processor that its loop was seen on */
    struct hark__spin luck;
} spin_here;
static struct lane lanes[HARK__THREAD_LANES] = {
    [HARK__THREAD_FILES] = LANE("hark-files", 16),
    [HARK__THREAD_NAMES] = LANE("hark-names", 64),
    [HARK__THREAD_CALLS] = LANE("hark-calls", INT_MAX), /* a limiter's business */
};

/* ---- fork ------------------------------------------------------------------------------------ */

static pthread_once_t begin_once = PTHREAD_ONCE_INIT;

static void before_fork(void)
{
    for (int i = 0; i < HARK__THREAD_LANES; i++) {
        pthread_mutex_lock(&lanes[i].lock);
    }
}

static void after_fork(void)
{
    for (int i = 0; i < HARK__THREAD_LANES; i++) {
        pthread_mutex_unlock(&lanes[i].lock);
    }
}

static unsigned forked; /* how often the process was, from its parent down to here */

static void after_fork_in_child(void)
{
    forked++;
    for (int i = 0; i < HARK__THREAD_LANES; i++) {
        lanes[i] = (struct lane)LANE(lanes[i].name, lanes[i].limit);
        sem_init(&lanes[i].calls, 0, 0);
    }
    lane_here = NULL;
}

static void begin_lanes(void)
{
    for (int i = 0; i < HARK__THREAD_LANES; i++) {
        sem_init(&lanes[i].calls, 0, 0);
    }
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- the queue, under the lock --------------------------------------------------------------- */

static int queued(const struct lane *lane)
{
    return atomic_load_explicit(&lane->queued, memory_order_relaxed);
}

static void count_queued(struct lane *lane, int change)
{
    atomic_store_explicit(&lane->queued, queued(lane) + change, memory_order_relaxed);
}

static void append(struct lane *lane, hark__thread_job *job)
{
    job->next = NULL;
    *(lane->last ? &lane->last->next : &lane->first) = job;
    lane->last = job;
    count_queued(lane, 1);
}

static void take_out(struct lane *lane, hark__thread_job *job)
{
    hark__thread_job **link = &lane->first, *before = NULL;

    while (*link != job) {
        before = *link;
        link = &before->next;
    }
    *link = job->next;
    if (lane->last == job) {
        lane->last = before;
    }
    count_queued(lane, -1);
}

/* Rule W5: is there a sleeper who should come? Then it counts as awake from now on. */
static bool take_sleeper(struct lane *lane)
{
    bool needed = lane->asleep && queued(lane) > lane->idle - lane->asleep;

    lane->asleep -= needed;
    return needed;
}

static void *work(void *lane);

/* Signals are for the program's own threads: ours are born with all of them blocked. */
static int start_thread(struct lane *lane)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;

    if (pthread_attr_init(&attributes)) {
        return -ENOMEM;
    }
    sigfillset(&all);
    pthread_attr_setsigmask_np(&attributes, &all);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error = hark__sys.thread_start(&thread, &attributes, work, lane);
    pthread_attr_destroy(&attributes);
    if (!error) {
        lane->threads++;
        lane->idle++;
    }
    return -error;
}

/* ---- waiting awake ---------------------------------------------------------------------------- */

static void tell_luck(struct hark__spin *luck, bool paid)
{
    hark__spin_paid(luck, paid);
    luck->checked = paid;
}

/* May we now, and is there another processor? */
static bool try_luck(struct hark__spin *luck)
{
    if (!hark__spin_may(luck)) {
        return false;
    }
    if (!luck->checked) {
        luck->alone = hark__processors() < 2;
        luck->checked = true;
    }
    if (luck->alone && !planted(spin_on_one_processor)) {
        tell_luck(luck, false);
        return false;
    }
    return true;
}

/* In a virtual time nothing depends on the real one. */
bool hark__spin_begin(hark_loop *loop, int64_t span)
{
    bool begun = span > 0 && !loop->virtual_clock && try_luck(&loop->luck);

    if (begun) {
        loop->spins++;
        loop->spin_awake = loop->spin_slept = false;
        loop->spin_span = (int32_t)span;
    }
    return begun;
}

void hark__spin_leave(hark_loop *loop, bool begun)
{
    loop->spins -= begun;
}

/* A loop that had other things to do meanwhile has learnt nothing. */
void hark__spin_end(hark_loop *loop, bool begun)
{
    if (begun && loop->spin_awake) {
        tell_luck(&loop->luck, !loop->spin_slept);
    }
    hark__spin_leave(loop, begun);
}

/* In a thread without a loop. */
void hark__spin_for(sem_t *done)
{
    static __thread struct hark__spin luck;
    int come = 0;

    if (!try_luck(&luck)) {
        return;
    }
    int64_t until = hark__clock() + HARK__SPIN_USUAL;
    do {
        for (int i = 0; i < PAUSES && !come; i++) {
            hark__pause();
            sem_getvalue(done, &come);
        }
    } while (!come && hark__clock() < until);
    tell_luck(&luck, come);
}

void hark__spin_visited(hark_loop *loop)
{
    hark__spin_end(loop, loop->spin_visits);
    loop->spin_visits = hark__spin_begin(loop, HARK__SPIN_USUAL);
}

/* ---- in a worker ----------------------------------------------------------------------------- */

static void do_one(struct lane *lane);

/* It has run. Under the lock at both ends. Rules W5 and T3: from the post on the job is not ours. */
static void end_job(struct lane *lane, hark__thread_job *job)
{
    struct hark__inbox *inbox = job->inbox;
    bool abandoned = job->state == ABANDONED;

    if (!abandoned) {
        job->processor = job->spin ? hark__sys.sched_getcpu() : -1;
        job->state = POSTED;
        lane->idle++;
        hark__inbox_enter(inbox);
    }
    pthread_mutex_unlock(&lane->lock);
    if (abandoned) {
        job->drop(job);
    } else {
        hark__inbox_post(inbox, &job->news);
        hark__inbox_leave(inbox);
    }
    pthread_mutex_lock(&lane->lock);
    lane->idle += abandoned;
}

/* The last one is told to who waits for it (hark_threads_end). Under the lock. */
static void end_thread(struct lane *lane)
{
    lane->threads--;
    pthread_cond_broadcast(&lane->ended);
}

/* Rule T4: the thread ends in the middle of a job. */
static void cut_short(void *arg)
{
    hark__thread_job *job = arg;
    struct lane *lane = lane_here;

    job->cut_short = true;
    pthread_mutex_lock(&lane->lock);
    end_job(lane, job);
    lane->idle--;
    if (take_sleeper(lane)) {
        sem_post(&lane->calls);
    } else if (lane->first && start_thread(lane)) {
        for (lane->idle++; lane->first;) { /* nobody else would come to them */
            do_one(lane);
        }
        lane->idle--;
    }
    end_thread(lane);
    pthread_mutex_unlock(&lane->lock);
}

/* Rule W9. */
static void run_job(hark__thread_job *job)
{
    unsigned forks = forked;
    int before;

    pthread_cleanup_push(cut_short, job);
    job->fn(job);
    if (forks != forked) {
        hark__report_death(NULL, "a function in a worker thread has forked, and returned in the "
                                 "child, where nobody waits for it; end the child by _exit or exec");
    }
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_cleanup_pop(0);
}

/* Under the lock at both ends. Rule W5. */
static void do_one(struct lane *lane)
{
    hark__thread_job *job = lane->first;

    take_out(lane, job);
    lane->idle--;
    job->state = RUNNING;
    spin_here.span = job->spin;
    spin_here.loops = job->processor;
    pthread_mutex_unlock(&lane->lock);
    run_job(job);
    pthread_mutex_lock(&lane->lock);
    end_job(lane, job);
}

/* Under the lock at both ends: until it is called, or `end`. False: it was not called. */
static bool sleep_until(struct lane *lane, const struct timespec *end)
{
    lane->asleep++;
    pthread_mutex_unlock(&lane->lock);
    int error;
    while ((error = sem_clockwait(&lane->calls, CLOCK_MONOTONIC, end) ? errno : 0) == EINTR) {}
    pthread_mutex_lock(&lane->lock);
    if (error && lane->asleep) {
        lane->asleep--;
        return false;
    }
    if (error) { /* all who sleep have been called: one of the calls is ours, and on its way */
        pthread_mutex_unlock(&lane->lock);
        while (sem_wait(&lane->calls)) {}
        pthread_mutex_lock(&lane->lock);
    }
    return true;
}

/* Rule W11. Without the lock. True: something is queued, and we hold the lock now. */
static bool spin(struct lane *lane)
{
    int64_t until = hark__clock() + spin_here.span;
    bool found;

    do {
        found = queued(lane) && pthread_mutex_trylock(&lane->lock) == 0;
        for (int i = 0; i < PAUSES && !found && !queued(lane); i++) {
            hark__pause();
        }
    } while (!found && hark__clock() < until);
    return found;
}

/* Who has just done a job that was to be answered soon awaits the next one awake, unless it would
 * keep the loop from its processor. Under the lock at both ends. */
static void stay_awake(struct lane *lane)
{
    if (lane->ending || hark__sys.sched_getcpu() == spin_here.loops ||
        !hark__spin_may(&spin_here.luck)) {
        spin_here.span = 0;
        return;
    }
    pthread_mutex_unlock(&lane->lock);
    bool found = spin(lane);
    hark__spin_paid(&spin_here.luck, found);
    if (!found) {
        pthread_mutex_lock(&lane->lock);
    }
    spin_here.span = 0;
}

/* Was there nothing to do for long, or was the thread told to end? */
static bool rest(struct lane *lane, unsigned born)
{
    if (spin_here.span) {
        stay_awake(lane);
    }
    if (lane->first) {
        return false;
    }
    int64_t until = hark__clock() + IDLE_NS;
    struct timespec end = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    bool called = true;

    while (!lane->first && called && !lane->ending && born == lane->endings) {
        called = sleep_until(lane, &end);
    }
    return !lane->first;
}

static void *work(void *arg)
{
    struct lane *lane = arg;
    int before;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_setname_np(pthread_self(), lane->name);
    lane_here = lane;
    pthread_mutex_lock(&lane->lock);
    unsigned born = lane->endings;
    do {
        while (lane->first) {
            do_one(lane);
        }
    } while (!rest(lane, born));
    lane->idle--;
    end_thread(lane);
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

const char *hark__thread_lane_name(void)
{
    return lane_here ? lane_here->name : NULL;
}

/* ---- in the loop ----------------------------------------------------------------------------- */

static int submit(struct lane *lane, hark__thread_job *job)
{
    int error = 0;
    bool call = false;

    pthread_once(&begin_once, begin_lanes);
    pthread_mutex_lock(&lane->lock);
    job->state = QUEUED;
    append(lane, job);
    if (queued(lane) > lane->idle && lane->threads < lane->limit) {
        error = start_thread(lane);
    }
    if (error && lane->threads == 0) {
        take_out(lane, job);
    } else {
        error = 0; /* there is no further thread just now, but those that live will come to it */
        call = take_sleeper(lane);
    }
    pthread_mutex_unlock(&lane->lock);
    if (call) {
        sem_post(&lane->calls);
    }
    return error;
}

struct visit {
    struct lane *lane;
    hark__thread_job *job;
    const char *what;
    bool abandoned;
};

static struct visit *visit_of(const hark__task *task)
{
    return (struct visit *)task->in.waiter.next;
}

static void leave_job(hark__task *task)
{
    struct visit *visit = visit_of(task);
    hark__thread_job *job = visit->job;

    pthread_mutex_lock(&visit->lane->lock);
    int state = job->state;
    if (state == QUEUED && job->drop) {
        take_out(visit->lane, job);
    }
    bool spun = job->spun;
    visit->abandoned = state != POSTED && (job->drop || planted(buffer_returned_too_early));
    if (visit->abandoned) {
        job->state = ABANDONED;
    }
    atomic_store(&job->cancelled, true);
    job->task = NULL;
    pthread_mutex_unlock(&visit->lane->lock);
    if (visit->abandoned) {
        hark__here->holds--;
        hark__spin_leave(hark__here, spun);
    }
    if (state == QUEUED && job->drop) {
        job->drop(job);
    }
}

static void describe_job(const hark__task *task, struct hark__text *text)
{
    hark__text_put(text, " that works on %s", visit_of(task)->what);
}

static bool is_delivered(const hark__task *task)
{
    return visit_of(task)->job->delivered;
}

static void stands_at_job(const hark__task *task, struct hark__audit *audit)
{
    const struct visit *visit = visit_of(task);

    if (visit->abandoned || visit->job->task != task) {
        hark__audit_broken(audit, "T1", task, "waits for a thread that does not know it");
    }
    hark__audit_hold(audit);
}

static const struct hark__wait_kind job_kind = {
    .what = "a thread",
    .describe = describe_job,
    .there = is_delivered,
    .stands = stands_at_job,
};
static const struct hark__wait_kind loose_job_kind = {
    .what = "a thread",
    .leave = leave_job,
    .describe = describe_job,
    .there = is_delivered,
    .stands = stands_at_job,
};

static void deliver(void *arg)
{
    hark__thread_job *job = arg;
    hark_loop *loop = hark__here;

    loop->holds--;
    hark__spin_end(loop, job->spun);
    if (job->spin) {
        loop->spin_shares = job->processor == hark__sys.sched_getcpu();
    }
    job->delivered = true;
    if (job->task) {
        hark__ready(loop, job->task, 0);
    }
}

static int wait_for(struct visit *visit, const struct hark__wait_kind *kind)
{
    hark__task *self = hark__here->running;

    self->in.waiter.next = (struct hark_waiter *)visit;
    visit->job->task = self;
    return hark__park(kind);
}

/* How long its worker is to stay awake behind it; and we are, until it has ended. */
static void begin_spin(hark_loop *loop, hark__thread_job *job)
{
    job->spun = hark__spin_begin(loop, loop->spin_shares ? 0 : job->spin);
    job->spin = loop->luck.alone ? 0 : job->spin;
    job->processor = job->spin ? hark__sys.sched_getcpu() : -1;
}

int hark__thread_run(hark__thread_job *job, enum hark__thread_lane number, const char *call)
{
    hark_loop *loop = hark__here;
    struct visit visit = {.lane = &lanes[number], .job = job, .what = job->what};
    int error = hark__inbox_open(loop);

    if (error) {
        return hark__fail(error, call, "no post box for a worker thread: %s",
                          strerrordesc_np(-error));
    }
    job->inbox = loop->inbox;
    job->task = NULL;
    job->delivered = job->cut_short = false;
    atomic_store(&job->cancelled, false);
    job->news = (hark_watch){.fn = deliver, .arg = job};
    begin_spin(loop, job);
    error = submit(visit.lane, job);
    if (error) {
        hark__spin_leave(loop, job->spun);
        return hark__fail(-ENOMEM, call, "no worker thread could be started: %s",
                          strerrordesc_np(-error));
    }
    loop->holds++;
    int result = wait_for(&visit, &loose_job_kind);
    if (visit.abandoned) {
        return -ECANCELED;
    }
    if (result && !job->delivered) { /* cancelled, but it is not to be abandoned, or was posted */
        wait_for(&visit, &job_kind);
    }
    return 0;
}

/* One lane's idle threads end, and who is at work when it is done. */
static int64_t end_lane(struct lane *lane, int64_t until)
{
    struct timespec end = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    int error = 0;

    pthread_mutex_lock(&lane->lock);
    lane->ending++;
    lane->endings++;
    for (; lane->asleep; lane->asleep--) {
        sem_post(&lane->calls);
    }
    while (lane->threads && error != ETIMEDOUT) {
        error = pthread_cond_clockwait(&lane->ended, &lane->lock, CLOCK_MONOTONIC, &end);
    }
    lane->ending--;
    int64_t left = lane->threads;
    pthread_mutex_unlock(&lane->lock);
    return left;
}

int hark_threads_end(int64_t timeout)
{
    static const char call[] = "hark_threads_end";
    int64_t now = hark__clock(), left = 0;
    int64_t most = HARK_S(1000000000) - now; /* what fits into any timespec */
    int64_t until = timeout <= 0 ? now : now + (timeout < most ? timeout : most);

    if (lane_here) {
        return hark__fail(-EDEADLK, call, "this is a worker thread, which would wait for itself");
    }
    for (int i = 0; i < HARK__THREAD_LANES; i++) {
        left += end_lane(&lanes[i], until);
    }
    return left ? hark__fail(-ETIMEDOUT, call, "%ld worker threads are still at work", (long)left)
                : 0;
}

int hark__thread_count(void)
{
    int count = 0;

    for (int i = 0; i < HARK__THREAD_LANES; i++) {
        pthread_mutex_lock(&lanes[i].lock);
        count += lanes[i].threads;
        pthread_mutex_unlock(&lanes[i].lock);
    }
    return count;
}
