/* SPDX-License-Identifier: MIT
 *
 * grow.c - the limits of the questions about growth that are not asked
 * otherwise: `grow cancel N`, `grow fds N`, `grow scopes N`, `grow idle N`.
 * Each does what bench/grow_NAME.c does, step by step.
 *
 * They are guarded ones (limits/fiber.h). Who waits and can be cancelled stands
 * in a line that is linked both ways. A scope is found from the task, has room
 * for a deadline, and knows whether it was cancelled; that it was, the task
 * knows, too, so that a checkpoint looks at one word however deep it is.
 * Cancelling marks what is inside; there are no shields and no groups in there.
 * For descriptors it is raw epoll, edge-triggered, armed once, and no tasks at
 * all.
 */
#define GUARDED 1
#include "fiber.h"
#include "wheel.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#define OPERATIONS 300000l
#define CALLS      1000000l
#define LEAST      10000l
#define BATCH_NS   (bench_short() ? 20000000 : 60000000)

/* ---- cancel
 * --------------------------------------------------------------------------------
 */

struct scope {
    struct scope *outer, *inner;
    uint32_t flags;
    uint64_t opened, timeout;
};

/* A place in the line, and the scope around the wait. */
struct place {
    struct place *next, *prev;
    task *who;
    int rc;
    struct scope scope;
};

static struct place line = {&line, &line, NULL, 0, {NULL, NULL, 0, 0, 0}};
static struct place *places;
static long count, turn, cancelled;

CALL int line_wait(struct place *p)
{
    if (checkpoint())
        return -ECANCELED;
    p->who = loop.self;
    p->rc = 0;
    p->next = &line;
    p->prev = line.prev;
    line.prev->next = p;
    line.prev = p;
    park();
    return p->rc;
}

CALL void scope_cancel(struct place *p)
{
    p->scope.flags = 1;
    if (p->next) { /* it waits */
        p->prev->next = p->next;
        p->next->prev = p->prev;
        p->next = NULL;
        p->rc = -ECANCELED;
        ready(p->who);
    }
}

/* The outermost scope of a task: there is nothing around it. */
CALL void place_open(struct place *p)
{
    p->scope = (struct scope){NULL, NULL, 0, 0, UINT64_MAX};
}

CALL int place_close(struct place *p, int rc)
{
    return p->scope.flags && rc == -ECANCELED ? 0 : rc;
}

static void cancellable(void *arg)
{
    struct place *mine = (struct place *)arg;
    int rc;
    do {
        place_open(mine);
        rc = line_wait(mine);
        rc = place_close(mine, rc);
        cancelled++;
    } while (rc == 0);
}

static void cancels(long n, void *arg)
{
    (void)arg;
    while (n--) {
        scope_cancel(&places[bench_mix((uint64_t)turn++) % (uint64_t)count]);
        yield();
    }
}

static void answer_cancel(long n)
{
    count = n;
    loop_open(n);
    places = (struct place *)calloc((size_t)n, sizeof *places);
    bench_must(places != NULL, "calloc");
    for (long i = 0; i < n; i++)
        spawn(cancellable, &places[i]);
    yield();
    bench_say("ns_per_cancel", bench_ns(cancels, OPERATIONS, NULL), "ns");
    bench_must(cancelled == turn, "going on, each one that was cancelled");
}

/* ---- fds
 * -----------------------------------------------------------------------------------
 */

static int poller, *fds;

static void watch(int *fd)
{
    struct epoll_event wanted = {EPOLLIN | EPOLLET, {0}};
    wanted.data.fd = *fd;
    bench_must(*fd >= 0, "eventfd");
    bench_must(epoll_ctl(poller, EPOLL_CTL_ADD, *fd, &wanted) == 0, "epoll_ctl");
}

static int *any(void)
{
    return &fds[bench_mix((uint64_t)turn++) % (uint64_t)count];
}

static void one_readable(void)
{
    struct epoll_event ready_one;
    uint64_t value = 1;
    bench_must(write(*any(), &value, sizeof value) == sizeof value, "write");
    bench_must(epoll_wait(poller, &ready_one, 1, -1) == 1, "epoll_wait");
    bench_must(read(ready_one.data.fd, &value, sizeof value) == sizeof value, "read");
}

static void one_replaced(void)
{
    int *fd = any();
    close(*fd); /* which takes it out of the poller, too */
    *fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    watch(fd);
}

static double batch(void (*one)(void))
{
    int64_t start = bench_now(), now = start;
    long n = 0;
    for (; now - start < BATCH_NS; now = bench_now())
        for (int i = 0; i < 8; i++, n++)
            one();
    return (double)(now - start) / (double)n;
}

static double batches(void (*one)(void))
{
    double each[BENCH_BATCHES];
    batch(one);
    for (int i = 0; i < BENCH_BATCHES; i++)
        each[i] = batch(one);
    return bench_median(each, BENCH_BATCHES);
}

static void answer_fds(long n)
{
    bench_descriptors(n + 64);
    poller = epoll_create1(EPOLL_CLOEXEC);
    fds = (int *)calloc((size_t)n, sizeof *fds);
    bench_must(fds != NULL, "calloc");
    count = n;
    for (long i = 0; i < n; i++)
        fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int64_t cpu = bench_cpu();
    for (long i = 0; i < n; i++)
        watch(&fds[i]);
    struct timespec a_while = {0, 300000000};
    nanosleep(&a_while, NULL);
    bench_say("ns_begin", (double)(bench_cpu() - cpu) / (double)n, "ns");
    bench_say("ns_per_wake", batches(one_readable), "ns");
    bench_say("ns_per_replacing", batches(one_replaced), "ns");
}

/* ---- scopes
 * --------------------------------------------------------------------------------
 */

static struct scope root, *innermost = &root, *scopes;
static event is_set = {NULL, NULL, 1};

CALL void scope_open(struct scope *s, uint64_t timeout)
{
    s->outer = innermost;
    s->inner = NULL;
    s->flags = innermost->flags;
    s->opened = timeout == UINT64_MAX ? 0 : wheel_cycles();
    s->timeout = timeout;
    innermost->inner = s;
    innermost = s;
}

/* The outermost that was cancelled is the one that catches. */
CALL int scope_close(struct scope *s, int rc)
{
    innermost = s->outer;
    innermost->inner = NULL;
    if (!s->flags || innermost->flags)
        return rc;
    loop.self->cancelled = 0;
    return rc == -ECANCELED ? 0 : rc;
}

CALL void cancel_from(struct scope *s)
{
    loop.self->cancelled = 1;
    for (; s; s = s->inner) /* who closes looks at the one around it only */
        s->flags = 1;
}

CALL int check_here(void)
{
    return checkpoint() ? -ECANCELED : 0;
}

CALL uint64_t nearest_deadline(void)
{
    uint64_t nearest = UINT64_MAX;
    for (const struct scope *s = innermost; s != &root; s = s->outer)
        if (s->timeout != UINT64_MAX && s->opened + s->timeout < nearest)
            nearest = s->opened + s->timeout;
    return nearest;
}

static void open_all(void)
{
    for (long i = 0; i < count; i++)
        scope_open(&scopes[i], i == 0 ? 3600000000000 : UINT64_MAX);
}

static int close_all(int rc)
{
    for (long i = count; i-- > 0;)
        rc = scope_close(&scopes[i], rc);
    return rc;
}

static void nests(long n, void *arg)
{
    (void)arg;
    while (n--) {
        open_all();
        bench_must(close_all(event_wait(&is_set)) == 0, "closing scopes");
    }
}

static void scope_cancels(long n, void *arg)
{
    (void)arg;
    while (n--) {
        open_all();
        cancel_from(&scopes[0]);
        bench_must(close_all(event_wait(&is_set)) == 0, "catching a cancellation");
        bench_must(loop.self->cancelled == 0, "being over");
    }
}

static void checkpoints(long n, void *arg)
{
    (void)arg;
    while (n--)
        check_here();
}

static void inner(long n, void *timeout)
{
    while (n--) {
        struct scope s;
        scope_open(&s, *(uint64_t *)timeout);
        scope_close(&s, event_wait(&is_set));
    }
}

static void lookups(long n, void *arg)
{
    (void)arg;
    while (n--)
        bench_must(nearest_deadline() < UINT64_MAX, "a deadline");
}

static void answer_scopes(long n)
{
    uint64_t forever = UINT64_MAX, second = 1000000000;
    long times = n < LEAST ? LEAST / n : 1;
    count = n;
    loop_open(1);
    scopes = (struct scope *)calloc((size_t)n, sizeof *scopes);
    bench_must(scopes != NULL, "calloc");
    bench_say("ns_nest", bench_ns(nests, times, NULL) / (double)n, "ns");
    bench_say("ns_cancel", bench_ns(scope_cancels, times, NULL) / (double)n, "ns");
    open_all();
    bench_say("ns_checkpoint", bench_ns(checkpoints, CALLS, NULL), "ns");
    bench_say("ns_inner", bench_ns(inner, CALLS, &forever), "ns");
    bench_say("ns_inner_deadline", bench_ns(inner, CALLS, &second), "ns");
    bench_say("ns_lookup", bench_ns(lookups, CALLS / n + 10, NULL) / (double)n, "ns");
    close_all(0);
}

/* ---- idle
 * ----------------------------------------------------------------------------------
 */

static event gate;
static struct wheel clockwork;

static void waiter(void *arg)
{
    event_wait((event *)arg);
}

static long switches(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_nvcsw;
}

static void answer_idle(long n)
{
    struct timespec second = {1, 0};
    struct wheel_timer *timers = (struct wheel_timer *)calloc((size_t)n, sizeof *timers);
    bench_must(timers != NULL, "calloc");
    loop_open(n);
    int64_t now = bench_now();
    wheel_init(&clockwork, (uint64_t)now);
    for (long i = 0; i < n; i++) {
        spawn(waiter, &gate);
        wheel_arm(&clockwork, &timers[i],
                  (uint64_t)now + 3600000000000 + bench_mix((uint64_t)i) % 3600000000000);
    }
    yield();
    long before = switches();
    int64_t cpu = bench_cpu();
    nanosleep(&second, NULL);
    bench_say("us_idle", (double)(bench_cpu() - cpu) / 1000, "us");
    bench_say("switches", (double)(switches() - before), "-");
}

int main(int argc, char **argv)
{
    const char *question = argc > 1 ? argv[1] : "";
    long n = argc > 2 ? bench_size(argc, argv, 2, 1000) : 0;
    if (n && strcmp(question, "cancel") == 0)
        answer_cancel(n);
    else if (n && strcmp(question, "fds") == 0)
        answer_fds(n);
    else if (n && strcmp(question, "scopes") == 0)
        answer_scopes(n);
    else if (n && strcmp(question, "idle") == 0)
        answer_idle(n);
    else {
        fprintf(stderr, "usage: %s cancel N | fds N | scopes N | idle N\n", argv[0]);
        return 2;
    }
    return 0;
}
