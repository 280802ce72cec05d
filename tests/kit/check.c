/* SPDX-License-Identifier: MIT
 *
 * check.c - the half of the kit that runs in a test's own process: checks, log, leak counts.
 *
 * Idea     A failing check may stand in a task, on a small stack, in a signal handler's reach or in
 *          a thread, so it does one thing: write one message to descriptor 2 and _exit.
 * Rules    1  Nothing here allocates between the two leak counts but what the body itself does.
 *          2  The counts of hark's own memory are weak: the kit also works without them.
 *          3  In a build that counts branches (./dev cover) every way out of a test writes the
 *             counts, also the deadly ones: a process that ends by _exit or a signal would not.
 * Not here Choosing tests, limits, reports: kit.c.
 */
#include "kit.h"

#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <time.h>

#include "base/sys.h"

/* The library's own books (base/sys.h, core); absent in a build that keeps none. */
__attribute__((weak)) size_t hark__alloc_live(void);
__attribute__((weak)) size_t hark__map_live(void);
__attribute__((weak)) size_t hark__census_count(void);

__attribute__((weak)) extern struct hark__sys hark__sys;

/* Of libgcov, in a build that counts which branches are taken. */
__attribute__((weak)) void __gcov_dump(void);

enum { FD_MAX = 4096, LOG_MAX = 1 << 16 };

typedef struct holdings {
    size_t heap, maps, tasks;
    unsigned char fds[FD_MAX]; /* 1: open */
} holdings;

static struct {
    kit_page *page;
    uint64_t seed;
    atomic_flag log_lock;
    size_t log_length;
    char log[LOG_MAX];
} here = {.log_lock = ATOMIC_FLAG_INIT};

/* ---- ending the test ------------------------------------------------------------------------- */

/* Linked in the place of _exit (-Wl,--wrap) in a build that counts; unused in any other. */
__attribute__((weak)) _Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);

_Noreturn void __wrap__exit(int status)
{
    __gcov_dump();
    __real__exit(status);
}

/* Of a test that must die: what was counted is written, then it dies of the same signal after all.
 * hark's own handler may have called this one, with every signal blocked. */
static void write_counts(int signo)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    __gcov_dump();
    signal(signo, SIG_DFL);
    raise(signo);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* A reported overflow ends by the default action, which hark puts back for that. */
static int (*real_sigaction)(int signo, const struct sigaction *action, struct sigaction *old);

static int sigaction_and_write(int signo, const struct sigaction *action, struct sigaction *old)
{
    if (action && action->sa_handler == SIG_DFL) {
        __gcov_dump();
    }
    return real_sigaction(signo, action, old);
}

static void prepare_to_die(int signo)
{
    const struct sigaction last = {.sa_handler = write_counts, .sa_flags = SA_ONSTACK};
    if (__gcov_dump && &hark__sys) {
        sigaction(signo, &last, NULL);
        real_sigaction = hark__sys.sigaction;
        hark__sys.sigaction = sigaction_and_write;
    }
}

_Noreturn static void die_with(const char *message, int length, int status)
{
    fflush(stdout);
    while (length > 0) {
        ssize_t n = write(STDERR_FILENO, message, (size_t)length);
        if (n <= 0) {
            break;
        }
        message += n;
        length -= (int)n;
    }
    _exit(status);
}

_Noreturn void kit_fail(const char *file, int line, const char *format, ...)
{
    static char text[8192]; /* not on the stack: the caller may be a task with little left */
    const int room = (int)sizeof(text) - 2;
    va_list list;
    int n = snprintf(text, (size_t)room, "%s:%d: ", file, line);
    va_start(list, format);
    n += vsnprintf(text + n, (size_t)(room - n), format, list);
    va_end(list);
    if (n > room - 1) {
        n = room - 1;
    }
    text[n++] = '\n';
    die_with(text, n, 1);
}

_Noreturn void kit_skip(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(here.page->skipped, sizeof(here.page->skipped), format, list);
    va_end(list);
    die_with("", 0, KIT_EXIT_SKIP);
}

/* ---- checks ---------------------------------------------------------------------------------- */

/* "-110 (-ETIMEDOUT)": most small negative numbers here are results of calls. */
static const char *number_text(long long n, char out[48])
{
    const char *name = n < 0 && n > -4096 ? strerrorname_np((int)-n) : NULL;
    if (name) {
        snprintf(out, 48, "%lld (-%s)", n, name);
    } else {
        snprintf(out, 48, "%lld", n);
    }
    return out;
}

void kit_check_int(const char *file, int line, const char *a_text, const char *b_text, kit_op op,
                   long long a, long long b)
{
    static const char *const sign[] = {"==", "!=", "<", "<=", ">", ">="};
    const bool holds[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
    char a_number[48], b_number[48];
    if (!holds[op]) {
        kit_fail(file, line, "%s %s %s fails: left is %s, right is %s", a_text, sign[op], b_text,
                 number_text(a, a_number), number_text(b, b_number));
    }
}

void kit_check_str(const char *file, int line, const char *text, const char *a, const char *b)
{
    if (!a || !b || strcmp(a, b) != 0) {
        kit_fail(file, line, "%s is\n    \"%s\", expected\n    \"%s\"", text, a ? a : "(NULL)",
                 b ? b : "(NULL)");
    }
}

void kit_check_has(const char *file, int line, const char *text, const char *a, const char *b)
{
    if (!a || !b || !strstr(a, b)) {
        kit_fail(file, line, "%s does not contain \"%s\"; it is\n    \"%s\"", text,
                 b ? b : "(NULL)", a ? a : "(NULL)");
    }
}

void kit_check_ptr(const char *file, int line, const char *a_text, const char *b_text,
                   const void *a, const void *b)
{
    if (a != b) {
        kit_fail(file, line, "%s == %s fails: left is %p, right is %p", a_text, b_text, a, b);
    }
}

/* ---- the log --------------------------------------------------------------------------------- */

static void log_lock(void)
{
    while (atomic_flag_test_and_set_explicit(&here.log_lock, memory_order_acquire)) {}
}

static void log_unlock(void)
{
    atomic_flag_clear_explicit(&here.log_lock, memory_order_release);
}

void kit_log(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    log_lock();
    size_t at = here.log_length;
    if (at > 0 && at < LOG_MAX - 1) {
        here.log[at++] = ' ';
    }
    int n = vsnprintf(here.log + at, LOG_MAX - at, format, list);
    here.log_length = at + (size_t)n;
    const bool full = here.log_length >= LOG_MAX;
    log_unlock();
    va_end(list);
    if (full) {
        kit_fail(__FILE__, __LINE__, "the test's log is full (%d bytes)", LOG_MAX);
    }
}

void kit_check_log(const char *file, int line, const char *expected)
{
    log_lock();
    here.log[here.log_length] = '\0';
    const bool same = strcmp(here.log, expected) == 0;
    if (same) {
        here.log_length = 0;
    }
    log_unlock();
    if (!same) {
        kit_fail(file, line, "the log is\n    \"%s\", expected\n    \"%s\"", here.log, expected);
    }
}

/* ---- loops, seeds, time ---------------------------------------------------------------------- */

int kit_run_virtual(hark_fn *fn, void *arg)
{
    const hark_options options = {.size = sizeof(options), .virtual_clock = true};
    return hark_run_with(&options, fn, arg);
}

uint64_t kit_seed(void)
{
    return here.seed;
}

int64_t kit_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* liburing maps and unmaps rings by system calls that the thread sanitizer does not see: memory that
 * is mapped again looks shared. A ring belongs to one thread (rule R6 of src/hub/uring.c). */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
    return "race:^io_uring_\n";
}

int kit_slow(void)
{
#if defined(__SANITIZE_THREAD__)
    const int build = 20; /* each stack is a thread to it */
#elif defined(__SANITIZE_ADDRESS__)
    const int build = 5;
#else
    const int build = 1;
#endif
    const char *scale = getenv("KIT_SLOW");
    const char *preload = getenv("LD_PRELOAD");
    if (scale && atoi(scale) > build) {
        return atoi(scale);
    }
    return preload && strstr(preload, "vgpreload") ? 10 : build;
}

void *kit_no_memory(size_t size)
{
    (void)size;
    return NULL;
}

/* ---- leaks ----------------------------------------------------------------------------------- */

/* From /proc when there is one, else by asking for each number. */
static void count_fds(unsigned char fds[FD_MAX])
{
    memset(fds, 0, FD_MAX);
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) {
        for (int fd = 0; fd < FD_MAX; fd++) {
            fds[fd] = fcntl(fd, F_GETFD) >= 0;
        }
        return;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        const int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir) && fd < FD_MAX) {
            fds[fd] = 1;
        }
    }
    closedir(dir);
}

static void count_holdings(holdings *h)
{
    h->heap = hark__alloc_live ? hark__alloc_live() : 0;
    h->maps = hark__map_live ? hark__map_live() : 0;
    h->tasks = hark__census_count ? hark__census_count() : 0;
    count_fds(h->fds);
}

static bool report_fds(const holdings *before, const holdings *after)
{
    bool leaked = false;
    for (int fd = 0; fd < FD_MAX; fd++) {
        char path[64], target[256] = "?";
        if (after->fds[fd] == before->fds[fd]) {
            continue;
        }
        leaked = true;
        if (before->fds[fd]) {
            fprintf(stderr, "leak check: descriptor %d was closed, and is not the test's\n", fd);
            continue;
        }
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        const ssize_t n = readlink(path, target, sizeof(target) - 1);
        target[n > 0 ? n : 1] = '\0';
        fprintf(stderr, "leak check: descriptor %d is still open (%s)\n", fd, target);
    }
    return leaked;
}

static bool report_size(const char *what, size_t before, size_t after)
{
    if (before == after) {
        return false;
    }
    fprintf(stderr, "leak check: %s: %zu before the body, %zu after it\n", what, before, after);
    return true;
}

static bool report_leaks(const holdings *before, const holdings *after)
{
    const bool fds = report_fds(before, after);
    const bool heap = report_size("heap bytes that hark holds", before->heap, after->heap);
    const bool maps = report_size("mapped bytes that hark holds", before->maps, after->maps);
    const bool tasks = report_size("living tasks", before->tasks, after->tasks);
    return fds || heap || maps || tasks;
}

/* ---- the test's process ---------------------------------------------------------------------- */

/* The runner sends SIGQUIT when the time is up. Not async-signal-safe, and need not be: the process
 * is lost, and SIGKILL follows when this hangs as well. */
static void tell_where(int signo)
{
    static const char title[] = "time is up; the stack here, then the living tasks:\n";
    void *frames[32];
    (void)signo;
    if (write(STDERR_FILENO, title, sizeof(title) - 1) > 0) {
        backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
    }
    hark_dump(stderr);
    fflush(stderr);
    _exit(1);
}

static void prepare(const kit_test *test, const char *hub)
{
    const struct sigaction quit = {.sa_handler = tell_where};
    const struct rlimit none = {0};
    void *frames[1];
    backtrace(frames, 1); /* loads the unwinder now, not in the handler */
    sigaction(SIGQUIT, &quit, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (test->signo) {
        setrlimit(RLIMIT_CORE, &none);
        prepare_to_die(test->signo);
    }
    if (hub) {
        setenv("HARK_HUB", hub, 1);
    }
}

_Noreturn void kit_child_run(const kit_test *test, const char *hub, uint64_t seed, kit_page *page)
{
    static holdings before, after;
    prepare(test, hub);
    here.page = page;
    here.seed = seed;
    count_holdings(&before);
    test->body();
    fflush(stdout);
    count_holdings(&after);
    if (report_leaks(&before, &after)) {
        _exit(1);
    }
    atomic_store(&page->finished, 1);
    _exit(0);
}
