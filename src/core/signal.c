/* SPDX-License-Identifier: MIT
 *
 * signal.c - who hears which signal: the handlers, and the way from there into the loops.
 *
 * Idea     One slot for each signal number. A signal that is heard has a list of ears, one for each
 *          loop that wants to know; the handler posts each of them to its loop's box, where the
 *          rest is done, outside any task. An ear that is posted already is not posted again: so
 *          many occurrences become one, and none is lost.
 *
 *              handler:  came += 1; if not exchange(posted, true) post      loop:  posted = false;
 *                                                                                  look at `came`
 *
 *          What prints the tasks does so at once, from within the handler, so that it also speaks
 *          when a task never gives way; a signal that was delivered to another thread is passed on
 *          to the loop's.
 * Rules    Z1  A signal has one use at a time: it cancels one run, or dumps one, or is heard by any
 *              number of loops.
 *          Z2  When its last user is gone, the disposition that was there before comes back, unless
 *              somebody has set another one meanwhile. An occurrence that nobody has taken is then
 *              raised again, for whoever handled it before us.
 *          Z3  The cancelling handler is gone after its first signal: the second one has its
 *              default action. As long as it may cancel, it can wake a task: no deadlock is
 *              reported. So is one that dumps when an instruction has failed: that is tried again,
 *              and ends the process as it would have.
 *          Z4  An ear is in its loop's box if and only if `posted` is set, but for the one who has
 *              set it to keep the handlers away. It goes when nobody uses it, it is not in the box,
 *              and no handler works any more, in whatever thread.
 *          Z5  A handler takes no lock and needs no memory; who changes the lists holds the lock.
 *          Z6  Another thread may fork while a disposition is being changed: a slot that is in use
 *              knows what was there before, and a handler is there only while its slot is in use.
 *              So a child can put back what was.
 * Not here What hears (sync/signal.c, io/child.c); the box (inbox.c).
 */
#include <hark/dump.h>
#include <sched.h>

#include "core/core.h"

enum use { UNUSED, HEARD, CANCELS, DUMPS };

struct slot {
    _Atomic(struct hark__ear *) ears; /* of all loops; some may be in use no more */
    _Atomic(hark_loop *) dumps;
    atomic_int inside;       /* handlers under way, in any thread */
    atomic_uint came, taken; /* occurrences, by number: the latest that came, that somebody took */
    enum use use;
    int users; /* ears that are in use */
    struct sigaction before;
};

static struct slot slots[NSIG];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- handlers -------------------------------------------------------------------------------- */

static void post(struct hark__ear *ear)
{
    if (!atomic_exchange(&ear->posted, true)) {
        hark__inbox_post(ear->inbox, &ear->post);
    }
}

static void on_signal(int signo)
{
    struct slot *slot = &slots[signo];

    atomic_fetch_add(&slot->inside, 1);
    atomic_fetch_add(&slot->came, 1);
    for (struct hark__ear *ear = atomic_load(&slot->ears); ear; ear = atomic_load(&ear->next)) {
        post(ear);
    }
    atomic_fetch_sub(&slot->inside, 1);
}

static void on_dump(int signo, siginfo_t *info, void *ucontext)
{
    struct slot *slot = &slots[signo];
    int saved = errno;

    (void)info;
    atomic_fetch_add(&slot->inside, 1);
    hark_loop *loop = atomic_load(&slot->dumps);
    if (loop && pthread_equal(pthread_self(), loop->thread)) {
        hark__report_from_signal(loop, ucontext);
    } else if (loop) {
        hark__sys.thread_kill(loop->thread, signo);
    }
    atomic_fetch_sub(&slot->inside, 1);
    errno = saved;
}

/* Rule Z4. A handler in another thread may be about to post, or to pass a signal on to this thread.
 * What it has passed on is delivered here no later than at the end of the next system call, which
 * must come before the disposition changes. */
static void wait_for_handlers(struct slot *slot)
{
    int seen;

    do {
        seen = atomic_load(&slot->inside);
        sched_yield();
    } while (seen);
}

/* ---- dispositions: under the lock ------------------------------------------------------------ */

/* An instruction has failed, and would be tried again. */
static bool is_trap(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL ||
           signo == SIGTRAP || signo == SIGSYS;
}

/* Rule Z3. */
static bool happens_once(enum use use, int signo)
{
    return use == CANCELS || (use == DUMPS && is_trap(signo) && !planted(crash_is_told_for_ever));
}

static bool is_ours(const struct slot *slot, int signo, const struct sigaction *present)
{
    return present->sa_handler == on_signal || present->sa_sigaction == on_dump ||
           (happens_once(slot->use, signo) && present->sa_handler == SIG_DFL);
}

static int occupy(struct slot *slot, int signo, enum use use)
{
    struct sigaction action = {.sa_handler = on_signal,
                               .sa_flags = SA_RESTART | SA_ONSTACK |
                                           (happens_once(use, signo) ? (int)SA_RESETHAND : 0)};

    if (use == DUMPS) {
        action.sa_sigaction = on_dump;
        action.sa_flags |= SA_SIGINFO;
    }
    bool known = hark__sys.sigaction(signo, NULL, &slot->before) == 0; /* rule Z6 */
    slot->use = use;
    if (!known || hark__sys.sigaction(signo, &action, &slot->before)) {
        slot->use = UNUSED;
        return -EINVAL;
    }
    return 0;
}

/* Rule Z2. */
static void vacate(struct slot *slot, int signo)
{
    struct sigaction present;

    if (hark__sys.sigaction(signo, NULL, &present) == 0 && is_ours(slot, signo, &present)) {
        hark__sys.sigaction(signo, &slot->before, NULL);
    }
    slot->use = UNUSED;
}

/* Whatever came before and was not taken is nobody's business any more. True: somebody's it was. */
static bool forget(struct slot *slot)
{
    unsigned came = atomic_load(&slot->came);
    return atomic_exchange(&slot->taken, came) != came;
}

/* ---- ears ------------------------------------------------------------------------------------ */

static struct hark__ear *find(struct slot *slot, const hark_loop *loop)
{
    struct hark__ear *ear = atomic_load(&slot->ears);

    while (ear && ear->loop != loop) {
        ear = atomic_load(&ear->next);
    }
    return ear;
}

static void unlink_ear(struct slot *slot, struct hark__ear *ear)
{
    _Atomic(struct hark__ear *) *link = &slot->ears;

    while (atomic_load(link) != ear) {
        link = &atomic_load(link)->next;
    }
    atomic_store(link, atomic_load(&ear->next));
}

static void discard(struct hark__ear *ear)
{
    struct slot *slot = &slots[ear->signo];

    pthread_mutex_lock(&slots_lock);
    unlink_ear(slot, ear);
    pthread_mutex_unlock(&slots_lock);
    wait_for_handlers(slot);
    hark__free(ear, sizeof *ear);
}

/* Rule Z4. Nobody uses it; if it is in the box, it goes when its post has run. */
static void let_go(struct hark__ear *ear)
{
    if (!ear->telling && !atomic_exchange(&ear->posted, true)) {
        discard(ear);
    }
}

/* The post: in the loop, outside any task. */
static void tell(void *arg)
{
    struct hark__ear *ear = arg;

    if (!ear->users) {
        discard(ear);
        return;
    }
    ear->telling = true;
    atomic_store(&ear->posted, false);
    ear->hear(ear);
    ear->telling = false;
    if (!ear->users) {
        let_go(ear);
    }
}

/* The loop's; a new one if it has none. NULL: no memory. */
static struct hark__ear *ear_of(struct slot *slot, hark_loop *loop, int signo)
{
    pthread_mutex_lock(&slots_lock);
    struct hark__ear *ear = find(slot, loop);
    if (!ear && (ear = hark__alloc(sizeof *ear))) {
        ear->loop = loop;
        ear->inbox = loop->inbox;
        ear->signo = signo;
        ear->post = (hark_watch){.fn = tell, .arg = ear};
        atomic_store(&ear->next, atomic_load(&slot->ears));
        atomic_store(&slot->ears, ear);
    }
    pthread_mutex_unlock(&slots_lock);
    return ear;
}

/* Any number may hear of a signal; of those that it cancels, each loop of one crew once. */
static bool may_join(const struct slot *slot, const struct hark__ear *ear, enum use use)
{
    const struct hark__ear *other = atomic_load(&slot->ears);

    if (slot->use != use || use == HEARD) {
        return slot->use == use;
    }
    while (other && (other == ear || !other->users)) {
        other = atomic_load(&other->next);
    }
    return use == CANCELS && !ear->users && ear->loop->crew && other &&
           other->loop->crew == ear->loop->crew;
}

/* Begin to use it: 0, -EBUSY, -EINVAL. Rule Z1; the list is there before the first signal comes. */
static int use_ear(struct slot *slot, struct hark__ear *ear, enum use use)
{
    int error = slot->use == UNUSED || may_join(slot, ear, use) ? 0 : -EBUSY;

    if (slot->use == UNUSED) {
        forget(slot);
        error = occupy(slot, ear->signo, use);
    }
    if (!error) {
        slot->users += ear->users++ == 0;
    }
    return error;
}

static int busy(const char *call, int signo, bool here)
{
    return hark__fail(-EBUSY, call, "signal %d is taken already, by %s", signo,
                      here ? "this run" : "another loop");
}

static int check_number(int signo, const char *call)
{
    if (signo <= 0 || signo >= NSIG) {
        return hark__fail(-EINVAL, call, "%d is not a signal", signo);
    }
    return 0;
}

static int open_ear(struct hark__ear **ret, hark_loop *loop, int signo, enum use use, const char *call)
{
    int error = check_number(signo, call);

    if (error) {
        return error;
    }
    if (is_trap(signo)) {
        return hark__fail(-EINVAL, call,
                          "signal %d says that an instruction has failed, and would be back at once",
                          signo);
    }
    struct slot *slot = &slots[signo];
    struct hark__ear *ear = NULL;
    if ((error = hark__inbox_open(loop)) || !(ear = ear_of(slot, loop, signo))) {
        return hark__fail(error ? error : -ENOMEM, call,
                          "no descriptor or memory to hear of signal %d", signo);
    }
    *ret = ear;
    pthread_mutex_lock(&slots_lock);
    error = use_ear(slot, ear, use);
    bool here = ear->users || slot->dumps == loop;
    pthread_mutex_unlock(&slots_lock);
    if (error && !ear->users) {
        let_go(ear);
    }
    return error == -EBUSY ? busy(call, signo, here)
           : error         ? hark__fail(error, call, "%d is not a signal that can be caught", signo)
                           : 0;
}

int hark__ear_open(struct hark__ear **ret, hark_loop *loop, int signo,
                   void (*hear)(struct hark__ear *ear), const char *call)
{
    int error = open_ear(ret, loop, signo, HEARD, call);

    if (!error) {
        (*ret)->hear = hear;
    }
    return error;
}

/* One use less. Under the lock. True: what came was for whoever handled it before us. */
static bool drop_use(struct slot *slot, struct hark__ear *ear)
{
    bool heard = slot->use == HEARD;

    if (--ear->users || --slot->users) {
        return false;
    }
    vacate(slot, ear->signo);
    wait_for_handlers(slot);
    return forget(slot) && heard;
}

static void raise_again(int signo)
{
    hark__sys.thread_kill(pthread_self(), signo);
}

void hark__ear_close(struct hark__ear *ear)
{
    int signo = ear->signo;

    pthread_mutex_lock(&slots_lock);
    bool untaken = drop_use(&slots[signo], ear);
    pthread_mutex_unlock(&slots_lock);
    if (!ear->users) {
        let_go(ear);
    }
    if (untaken && !planted(signal_nobody_took_is_dropped)) {
        raise_again(signo);
    }
}

uint32_t hark__ear_came(const struct hark__ear *ear)
{
    return atomic_load(&slots[ear->signo].came);
}

void hark__ear_taken(const struct hark__ear *ear, uint32_t number)
{
    atomic_uint *taken = &slots[ear->signo].taken;
    unsigned before = atomic_load(taken);

    while ((int32_t)(number - before) > 0 && !atomic_compare_exchange_weak(taken, &before, number)) {
    }
}

void hark__ear_again(struct hark__ear *ear)
{
    post(ear);
}

/* ---- what a run may ask for ------------------------------------------------------------------ */

static void has_cancelled(struct hark__ear *ear)
{
    (void)ear;
}

static void cancel_run(struct hark__ear *ear)
{
    ear->loop->signals--;
    ear->hear = has_cancelled;
    hark__cancel_all(ear->loop, false);
    if (ear->loop->cancelled) {
        ear->loop->cancelled(ear->loop);
    }
}

/* Only this thread ends ears of this loop, so they stay while the lock is free. */
void hark__signals_renew(hark_loop *loop)
{
    struct hark__ear *over[NSIG];
    int count = 0;

    pthread_mutex_lock(&slots_lock);
    for (int signo = 1; signo < NSIG; signo++) {
        struct hark__ear *ear = find(&slots[signo], loop);
        if (ear && ear->users && ear->hear == has_cancelled) {
            over[count++] = ear;
        }
    }
    pthread_mutex_unlock(&slots_lock);
    while (count > 0) {
        hark__ear_close(over[--count]);
    }
}

static int check_task(const char *call)
{
    return hark__here && hark__here->running
               ? 0
               : hark__fail(-ENOTSUP, call, "a task asks for this, and there is none here");
}

int hark_cancel_on(int signo)
{
    static const char call[] = "hark_cancel_on";
    struct hark__ear *ear;
    int error = check_task(call);

    if (error || (error = open_ear(&ear, hark__here, signo, CANCELS, call))) {
        return error;
    }
    ear->hear = cancel_run;
    hark__here->signals++;
    return 0;
}

int hark_dump_on(int signo)
{
    static const char call[] = "hark_dump_on";
    hark_loop *loop = hark__here;
    int error = check_task(call);

    if (error || (error = check_number(signo, call))) {
        return error;
    }
    struct slot *slot = &slots[signo];
    pthread_mutex_lock(&slots_lock);
    if (slot->use != UNUSED) {
        const struct hark__ear *ear = find(slot, loop);
        error = busy(call, signo, slot->dumps == loop || (ear && ear->users));
    } else {
        atomic_store(&slot->dumps, loop);
        if (occupy(slot, signo, DUMPS)) {
            atomic_store(&slot->dumps, NULL);
            error = hark__fail(-EINVAL, call, "%d is not a signal that can be caught", signo);
        }
    }
    pthread_mutex_unlock(&slots_lock);
    return error;
}

/* ---- ends ------------------------------------------------------------------------------------ */

/* Nobody else is in the child, so nobody holds the lock, though a thread of the parent may have. */
void hark__signals_forked(void)
{
    pthread_mutex_init(&slots_lock, NULL);
    for (int signo = 1; signo < NSIG; signo++) {
        struct slot *slot = &slots[signo];
        if (slot->use != UNUSED) {
            vacate(slot, signo);
        }
        slot->users = 0;
        atomic_store(&slot->ears, NULL);
        atomic_store(&slot->dumps, NULL);
        atomic_store(&slot->inside, 0);
    }
}

/* What is still in the box is not told any more. Under the lock. */
static bool close_slot(struct slot *slot, int signo, hark_loop *loop)
{
    struct hark__ear *ear = find(slot, loop);
    bool untaken = false;

    if (ear) {
        ear->users = ear->users > 0;
        untaken = ear->users && drop_use(slot, ear);
        unlink_ear(slot, ear);
        wait_for_handlers(slot);
        hark__free(ear, sizeof *ear);
    }
    if (slot->dumps == loop) {
        atomic_store(&slot->dumps, NULL);
        wait_for_handlers(slot);
        vacate(slot, signo);
    }
    return untaken;
}

void hark__signals_close(hark_loop *loop)
{
    uint64_t untaken = 0; /* a bit for each signal, from 1 on */
    _Static_assert(NSIG - 1 <= 64, "a bit for each signal");

    pthread_mutex_lock(&slots_lock);
    for (int signo = 1; signo < NSIG; signo++) {
        untaken |= (uint64_t)close_slot(&slots[signo], signo, loop) << (signo - 1);
    }
    pthread_mutex_unlock(&slots_lock);
    for (; untaken; untaken &= untaken - 1) {
        raise_again(__builtin_ctzll(untaken) + 1);
    }
}
