/* SPDX-License-Identifier: MIT
 *
 * kit.c - the runner: finds the tests, gives each a process and a time limit, judges, reports.
 *
 *     hark-tests [PREFIX...] [--list] [-j N] [-v] [--seed S] [--valgrind] | --hubs
 *
 * Idea     The tests stand in the linker section kit_tests. One table of runs is made of them (a
 *          test that runs on every hub makes several), and up to N are alive at a time, each in a
 *          slot: its process group, the file that catches its output, a page it shares with us.
 * Picture  start_run -> (child: kit_child_run) -> ended? -> judge -> report
 *                                              -> late?  -> SIGQUIT (it tells where) -> SIGKILL
 * Rules    1  A test has passed only if its body came to its end: exit status 0 is not enough.
 *          2  Whatever a test started dies with it: it leads a process group, which is killed
 *             before its number is given back.
 *          3  The runner waits in sigtimedwait only; no signal handler runs in it.
 *          4  No escape codes unless stdout is a terminal. The last line is the total.
 *          5  Nothing selected is a failure: a misspelt prefix must not pass.
 * Not here The checks and the leak counts: check.c.
 */
#include "kit.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

enum { SECONDS_DEFAULT = 10, JOBS_MAX = 64, OUTPUT_MAX = 1 << 20, SHOWN_MAX = 12000 };
enum { HUB_COUNT = 4 };
static const char *const hub_names[HUB_COUNT] = {"uring", "epoll", "poll", "select"};

extern const kit_test *const __start_kit_tests[], *const __stop_kit_tests[];

typedef enum verdict { WAITING, PASSED, FAILED, SKIPPED } verdict;

typedef struct test_run {
    const kit_test *test;
    const char *hub;
    const char *room;
    char *name; /* room/test[@hub] */
    verdict verdict;
    int64_t took_ns;
} test_run;

typedef struct slot {
    test_run *run; /* NULL: free */
    pid_t pid;
    int output;
    kit_page *page;
    int64_t start_ns, limit_ns;
    bool late; /* told to say where it is */
} slot;

typedef struct runner {
    char **prefixes;
    int prefix_count, jobs, hub_state[HUB_COUNT]; /* 0: not asked yet, 1: works, -1: refused */
    bool list, hubs, verbose, terminal, stopped;
    const char *program;
    uint64_t seed;
    test_run *runs;
    int run_count, next, counts[4]; /* by verdict */
    slot slots[JOBS_MAX];
    sigset_t waited, mask_before;
} runner;

/* ---- the table of runs ----------------------------------------------------------------------- */

/* "/x/tests/core/event_test.c" -> "core" */
static const char *room_of(const char *file)
{
    static char rooms[32][32];
    const char *end = strrchr(file, '/');
    const char *start = end;
    while (start && start > file && start[-1] != '/') {
        start--;
    }
    const int length = end ? (int)(end - start) : 0;
    for (int i = 0; i < 32; i++) {
        if (rooms[i][0] == '\0') {
            snprintf(rooms[i], sizeof(rooms[i]), "%.*s", length, start ? start : "");
        }
        if ((int)strlen(rooms[i]) == length && memcmp(rooms[i], start, (size_t)length) == 0) {
            return rooms[i];
        }
    }
    return "?";
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool selected(const runner *r, const test_run *run)
{
    const char *short_name = strchr(run->name, '/') + 1;
    const bool hidden = run->test->flags & KIT_HIDDEN;
    for (int i = 0; i < r->prefix_count; i++) {
        const char *p = r->prefixes[i];
        if (strcmp(run->name, p) == 0 || strcmp(short_name, p) == 0) {
            return true;
        }
        if (!hidden && (starts_with(run->name, p) || starts_with(short_name, p))) {
            return true;
        }
    }
    return r->prefix_count == 0 && !hidden;
}

static void add_run(runner *r, const kit_test *test, const char *hub)
{
    test_run *run = &r->runs[r->run_count];
    *run = (test_run){.test = test, .hub = hub, .room = room_of(test->file)};
    const char *at = hub ? "@" : "";
    if (asprintf(&run->name, "%s/%s%s%s", run->room, test->name, at, hub ? hub : "") < 0) {
        perror("hark-tests");
        exit(1);
    }
    if (selected(r, run)) {
        r->run_count++;
    } else {
        free(run->name);
    }
}

static int compare_runs(const void *a, const void *b)
{
    const test_run *x = a, *y = b;
    const int rooms = strcmp(x->room, y->room);
    return rooms ? rooms : strcmp(x->name, y->name);
}

static void collect_runs(runner *r)
{
    const size_t count = (size_t)(__stop_kit_tests - __start_kit_tests);
    r->runs = calloc(count * HUB_COUNT + 1, sizeof(*r->runs));
    if (!r->runs) {
        perror("hark-tests");
        exit(1);
    }
    for (size_t i = 0; i < count; i++) {
        const kit_test *test = __start_kit_tests[i];
        for (int h = 0; h < HUB_COUNT && (test->flags & KIT_ON_HUBS); h++) {
            add_run(r, test, hub_names[h]);
        }
        if (!(test->flags & KIT_ON_HUBS)) {
            add_run(r, test, NULL);
        }
    }
    qsort(r->runs, (size_t)r->run_count, sizeof(*r->runs), compare_runs);
}

/* ---- which hubs this kernel and build allow -------------------------------------------------- */

static int do_nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* In a process of its own: some sandboxes kill whoever asks for a ring. */
static bool hub_works(const char *hub)
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        const hark_options options = {.size = sizeof(options), .hub = hub};
        _exit(hark_run_with(&options, do_nothing, NULL) == -EOPNOTSUPP ? KIT_EXIT_SKIP : 0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    const bool refused = WIFEXITED(status) && WEXITSTATUS(status) == KIT_EXIT_SKIP;
    const bool forbidden = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
    return !refused && !forbidden;
}

static bool hub_refused(runner *r, const char *hub)
{
    for (int i = 0; hub && i < HUB_COUNT; i++) {
        if (strcmp(hub, hub_names[i]) != 0) {
            continue;
        }
        if (r->hub_state[i] == 0) {
            r->hub_state[i] = hub_works(hub) ? 1 : -1;
        }
        return r->hub_state[i] < 0;
    }
    return false;
}

/* ---- one run: start, look, judge ------------------------------------------------------------- */

/* FNV-1a of the name, stirred with the base seed: tests do not share a sequence. */
static uint64_t seed_for(uint64_t base, const char *name)
{
    uint64_t x = 14695981039346656037u;
    for (; *name; name++) {
        x = (x ^ (unsigned char)*name) * 1099511628211u;
    }
    x += base * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (x ^ (x >> 31)) | 1; /* 0 means "no seed" to hark */
}

_Noreturn static void become_test(runner *r, slot *s)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(s->output, STDOUT_FILENO);
    dup2(s->output, STDERR_FILENO);
    for (int i = 0; i < r->jobs; i++) {
        if (r->slots[i].run) {
            close(r->slots[i].output);
        }
    }
    sigprocmask(SIG_SETMASK, &r->mask_before, NULL);
    kit_child_run(s->run->test, s->run->hub, seed_for(r->seed, s->run->name), s->page);
}

static int open_output(void)
{
    FILE *file = tmpfile();
    const int fd = file ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 0) : -1;
    if (file) {
        fclose(file);
    }
    return fd;
}

static void start_run(runner *r, slot *s, test_run *run)
{
    const int seconds = run->test->seconds ? run->test->seconds : SECONDS_DEFAULT;
    memset(s->page, 0, sizeof(*s->page));
    s->output = open_output();
    s->start_ns = kit_clock();
    s->limit_ns = s->start_ns + (int64_t)seconds * kit_slow() * 1000000000;
    s->late = false;
    s->run = run;
    fflush(NULL);
    s->pid = s->output < 0 ? -1 : fork();
    if (s->pid == 0) {
        become_test(r, s);
    }
    if (s->pid < 0) {
        perror("hark-tests: cannot start a test");
        exit(1);
    }
    setpgid(s->pid, s->pid); /* whoever comes first; both must not be late */
}

static char *read_output(int fd)
{
    char *text = malloc(OUTPUT_MAX + 1);
    size_t length = 0;
    ssize_t n = 1;
    while (text && n > 0 && length < OUTPUT_MAX) {
        n = pread(fd, text + length, OUTPUT_MAX - length, (off_t)length);
        length += n > 0 ? (size_t)n : 0;
    }
    if (text) {
        text[length] = '\0';
    }
    return text;
}

static void status_text(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status)) {
        snprintf(out, size, "it died of SIG%s", sigabbrev_np(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) == 0) {
        snprintf(out, size, "the process ended before the body did");
    } else {
        snprintf(out, size, "exit status %d", WEXITSTATUS(status));
    }
}

static verdict judge(const slot *s, int status, const char *output, char *why, size_t size)
{
    const kit_test *test = s->run->test;
    const bool ended = WIFEXITED(status);
    char what[64];
    status_text(status, what, sizeof(what));
    if (s->late) {
        snprintf(why, size, "still running after %lld s",
                 (long long)((s->limit_ns - s->start_ns) / 1000000000));
        return FAILED;
    }
    if (ended && WEXITSTATUS(status) == KIT_EXIT_SKIP && s->page->skipped[0]) {
        snprintf(why, size, "%s", s->page->skipped);
        return SKIPPED;
    }
    if (test->signo && (ended || WTERMSIG(status) != test->signo)) {
        const bool whole = atomic_load(&s->page->finished);
        snprintf(why, size, "it should die of SIG%s, but %s", sigabbrev_np(test->signo),
                 whole ? "its body came to its end" : what);
        return FAILED;
    }
    if (test->signo) {
        snprintf(why, size, "it died as it should, but did not print \"%s\"", test->text);
        return strstr(output, test->text) ? PASSED : FAILED;
    }
    snprintf(why, size, "%s", what);
    return ended && WEXITSTATUS(status) == 0 && atomic_load(&s->page->finished) ? PASSED : FAILED;
}

/* ---- reports --------------------------------------------------------------------------------- */

static void clear_progress(const runner *r)
{
    if (r->terminal) {
        printf("\r%*s\r", 78, "");
    }
}

static void show_progress(const runner *r, const char *name)
{
    if (r->terminal) {
        const int done = r->counts[PASSED] + r->counts[FAILED] + r->counts[SKIPPED];
        printf("\r%5d/%d  %-60.60s", done, r->run_count, name);
        fflush(stdout);
    }
}

/* Indented, and when there is much of it, the beginning and the end. */
static void show_output(const char *text)
{
    const size_t length = strlen(text);
    bool line_start = true;
    for (size_t i = 0; i < length; i++) {
        if (length > SHOWN_MAX && i == SHOWN_MAX / 3) {
            i = length - SHOWN_MAX * 2 / 3;
            printf("\n    [... %zu bytes left out ...]\n", length - SHOWN_MAX);
            line_start = true;
        }
        printf("%s%c", line_start ? "    " : "", text[i]);
        line_start = text[i] == '\n';
    }
    printf("%s", line_start ? "" : "\n");
}

static void report(runner *r, test_run *run, const char *why, const char *output)
{
    const double seconds = (double)run->took_ns / 1e9;
    r->counts[run->verdict]++;
    if (run->verdict == FAILED) {
        clear_progress(r);
        printf("FAIL %s: %s (%.3f s)\n", run->name, why, seconds);
        show_output(output);
        printf("    replay: KIT_SEED=%" PRIu64 " %s '%s'\n", r->seed, r->program, run->name);
    } else if (run->verdict == SKIPPED) {
        clear_progress(r);
        printf("skip %s: %s\n", run->name, why);
    } else if (r->verbose) {
        clear_progress(r);
        printf("ok   %s (%.3f s)\n", run->name, seconds);
    }
    show_progress(r, run->name);
    fflush(stdout);
}

static void print_counts(const int counts[4])
{
    printf("%d passed", counts[PASSED]);
    if (counts[FAILED]) {
        printf(", %d failed", counts[FAILED]);
    }
    if (counts[SKIPPED]) {
        printf(", %d skipped", counts[SKIPPED]);
    }
}

static void report_rooms(const runner *r)
{
    for (int i = 0; i < r->run_count;) {
        const char *room = r->runs[i].room;
        int counts[4] = {0};
        int64_t took_ns = 0;
        for (; i < r->run_count && r->runs[i].room == room; i++) {
            counts[r->runs[i].verdict]++;
            took_ns += r->runs[i].took_ns;
        }
        printf("%-8s ", room);
        print_counts(counts);
        printf(" (%.1f s)\n", (double)took_ns / 1e9);
    }
}

static int compare_slowest(const void *a, const void *b)
{
    const test_run *x = a, *y = b;
    return (x->took_ns < y->took_ns) - (x->took_ns > y->took_ns);
}

static void report_slowest(runner *r)
{
    qsort(r->runs, (size_t)r->run_count, sizeof(*r->runs), compare_slowest);
    for (int i = 0; i < 5 && i < r->run_count; i++) {
        printf("slow %s (%.3f s)\n", r->runs[i].name, (double)r->runs[i].took_ns / 1e9);
    }
}

static int report_total(runner *r)
{
    clear_progress(r);
    report_rooms(r);
    if (r->verbose) {
        report_slowest(r);
    }
    if (r->run_count == 0) {
        printf("no test has such a name; --list prints them all\n");
    }
    printf("%d passed, %d failed", r->counts[PASSED], r->counts[FAILED]);
    if (r->counts[SKIPPED]) {
        printf(", %d skipped", r->counts[SKIPPED]);
    }
    printf("\n");
    fflush(stdout);
    return r->counts[FAILED] > 0 || r->run_count == 0 || r->stopped ? 1 : 0;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void end_run(runner *r, slot *s)
{
    char why[512];
    int status = 0;
    kill(-s->pid, SIGKILL); /* before the number is free again (rule 2) */
    while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR) {}
    char *output = read_output(s->output);
    close(s->output);
    s->run->took_ns = kit_clock() - s->start_ns;
    s->run->verdict = judge(s, status, output ? output : "", why, sizeof(why));
    report(r, s->run, why, output ? output : "");
    free(output);
    s->run = NULL;
}

static bool has_ended(const slot *s)
{
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Late: first SIGQUIT, which makes it say where it hangs, and two seconds later SIGKILL. */
static void hurry(slot *s, int64_t now_ns)
{
    if (now_ns >= s->limit_ns && !s->late) {
        s->late = true;
        kill(s->pid, SIGQUIT);
    } else if (now_ns >= s->limit_ns + 2000000000) {
        kill(-s->pid, SIGKILL);
    }
}

static void start_next(runner *r, slot *s)
{
    while (!s->run && r->next < r->run_count && !r->stopped) {
        test_run *run = &r->runs[r->next++];
        if (hub_refused(r, run->hub)) {
            run->verdict = SKIPPED;
            report(r, run, "this kernel or build has no such hub", "");
        } else {
            start_run(r, s, run);
        }
    }
}

static void stop_all(runner *r)
{
    r->stopped = true;
    for (int i = 0; i < r->jobs; i++) {
        if (r->slots[i].run) {
            kill(-r->slots[i].pid, SIGKILL);
        }
    }
}

static void run_all(runner *r)
{
    const struct timespec tick = {.tv_nsec = 100000000}; /* for the limits; SIGCHLD tells ends */
    int busy = 1;
    while (busy > 0) {
        busy = 0;
        for (int i = 0; i < r->jobs; i++) {
            slot *s = &r->slots[i];
            if (s->run && has_ended(s)) {
                end_run(r, s);
            }
            start_next(r, s);
            if (s->run) {
                hurry(s, kit_clock());
                busy++;
            }
        }
        const int signo = busy > 0 ? sigtimedwait(&r->waited, NULL, &tick) : -1;
        if (signo > 0 && signo != SIGCHLD) {
            stop_all(r);
        }
    }
}

/* ---- the command line ------------------------------------------------------------------------ */

static int core_count(void)
{
    cpu_set_t set;
    const int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : count > JOBS_MAX ? JOBS_MAX : count;
}

/* Each test's process is judged by valgrind at its end: 99 means that it found something. */
static int run_under_valgrind(int argc, char **argv)
{
    static char *const front[] = {"valgrind", "--quiet", "--error-exitcode=99"};
    char **args = calloc((size_t)argc + 4, sizeof(*args));
    int n = 0;
    for (int i = 0; args && i < 3; i++) {
        args[n++] = front[i];
    }
    for (int i = 0; args && i < argc; i++) {
        if (strcmp(argv[i], "--valgrind") != 0) {
            args[n++] = argv[i];
        }
    }
    if (args) {
        execvp(args[0], args);
    }
    perror("hark-tests: cannot run valgrind");
    free(args);
    return 2;
}

static int usage(const char *wrong)
{
    fprintf(stderr,
            "hark-tests: %s\n"
            "usage: hark-tests [PREFIX...] [--list] [-j N] [-v] [--seed S] [--valgrind] | --hubs\n"
            "PREFIX is the beginning of a name (event_set) or of room/name (sync/event_set).\n",
            wrong);
    return 2;
}

/* 0, or the exit status of a command line that cannot be understood. */
static int parse(runner *r, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (strcmp(a, "--list") == 0) {
            r->list = true;
        } else if (strcmp(a, "--hubs") == 0) {
            r->hubs = true;
        } else if (strcmp(a, "-v") == 0) {
            r->verbose = true;
        } else if (strcmp(a, "--valgrind") == 0) {
            return run_under_valgrind(argc, argv);
        } else if (strcmp(a, "--seed") == 0 && i + 1 < argc) {
            r->seed = strtoull(argv[++i], NULL, 0);
        } else if (starts_with(a, "-j") && (a[2] || i + 1 < argc)) {
            r->jobs = atoi(a[2] ? a + 2 : argv[++i]);
        } else if (a[0] == '-') {
            return usage(a);
        } else {
            r->prefixes[r->prefix_count++] = argv[i];
        }
    }
    return r->jobs < 1 || r->jobs > JOBS_MAX ? usage("-j takes 1 to 64") : 0;
}

static void prepare(runner *r)
{
    for (int i = 0; i < r->jobs; i++) {
        r->slots[i].page =
            mmap(NULL, sizeof(kit_page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (r->slots[i].page == MAP_FAILED) {
            perror("hark-tests");
            exit(1);
        }
    }
    sigemptyset(&r->waited);
    sigaddset(&r->waited, SIGCHLD);
    sigaddset(&r->waited, SIGINT);
    sigaddset(&r->waited, SIGTERM);
    sigaddset(&r->waited, SIGHUP);
    sigprocmask(SIG_BLOCK, &r->waited, &r->mask_before);
}

static void print_list(const runner *r)
{
    for (int i = 0; i < r->run_count; i++) {
        printf("%s\n", r->runs[i].name);
    }
}

/* The hubs that can be used here, for scripts. */
static void print_hubs(runner *r)
{
    for (int i = 0; i < HUB_COUNT; i++) {
        if (!hub_refused(r, hub_names[i])) {
            printf("%s\n", hub_names[i]);
        }
    }
}

int kit_main(int argc, char **argv)
{
    const char *seed = getenv("KIT_SEED");
    runner *r = calloc(1, sizeof(*r));
    int status = 1;
    if (!r || !(r->prefixes = calloc((size_t)argc + 1, sizeof(*r->prefixes)))) {
        perror("hark-tests");
        free(r);
        return status;
    }
    r->program = argv[0];
    r->jobs = core_count();
    r->terminal = isatty(STDOUT_FILENO);
    r->seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)kit_clock() ^ (uint64_t)getpid();
    status = parse(r, argc, argv);
    if (status == 0) {
        collect_runs(r);
        if (r->hubs) {
            print_hubs(r);
        } else if (r->list) {
            print_list(r);
        } else {
            prepare(r);
            run_all(r);
            status = report_total(r);
            sigprocmask(SIG_SETMASK, &r->mask_before, NULL);
        }
    }
    for (int i = 0; i < r->run_count; i++) {
        free(r->runs[i].name);
    }
    free(r->runs);
    free(r->prefixes);
    free(r);
    return status;
}
