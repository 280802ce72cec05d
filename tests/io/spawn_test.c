/* SPDX-License-Identifier: MIT
 *
 * spawn_test.c - how children begin: the program, its arguments, its environment and its
 * descriptors (PR-.., BG-.. of tests/LEDGER.md; P, N, F of the failure modes).
 *
 * Idea     The child itself is asked: a shell reads what the kernel says of it in /proc.
 *          Descriptors are known by the name of what they are: each of ours is a file in memory
 *          with a name.
 * Rules    1  Where a call is to fail, every such call fails once: the first, the second, and so
 *             on, until none is left.
 */
#include "../core/scarce.h"
#include "child.h"

#include <sys/stat.h>

/* What the script prints. */
static const char *said(const hark_process_options *how, const char *script)
{
    static hark_output out;
    hark_process_options o = *how;

    hark_output_free(&out);
    o.output = &out;
    o.check = true;
    CHECK_EQ(hark_process_run(&o, ARGV("sh", "-c", script), NULL), 0);
    static char text[4096];
    snprintf(text, sizeof text, "%s", out.data);
    hark_output_free(&out);
    return text;
}

static char scratch[] = "/tmp/hark-spawn-XXXXXX";

static const char *scratch_file(const char *name, const char *text, mode_t mode)
{
    static char path[128];

    CHECK(scratch[sizeof scratch - 2] != 'X' || mkdtemp(scratch));
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    FILE *file = fopen(path, "we");
    CHECK(file != NULL);
    fputs(text, file);
    fclose(file);
    CHECK_EQ(chmod(path, mode), 0);
    return path;
}

static void scratch_remove(const char *path)
{
    CHECK_EQ(unlink(path), 0);
    CHECK_EQ(rmdir(scratch), 0);
    memset(scratch + sizeof scratch - 7, 'X', 6);
}

/* ---- programs that cannot be run ------------------------------------------------------------- */

static const hark_process_options all_pipes = {
    .size = sizeof all_pipes, .in = HARK_PIPE, .out = HARK_PIPE, .err = HARK_PIPE};

static void check_refused(const char *program, int code, const char *words)
{
    hark_process p;

    CHECK_MISUSE(hark_process_open(&p, NULL, ARGV(program, "x")), code, words);
    CHECK_MISUSE(hark_process_open(&p, &all_pipes, ARGV(program, "x")), code, program);
    CHECK_EQ(p.in, -1);
    CHECK_EQ(p.out, -1);
    CHECK_EQ(p.err, -1);
    CHECK_EQ(hark_process_close(&p), -EINVAL);
    CHECK_MISUSE(hark_process_run(NULL, ARGV(program, "x"), NULL), code, "hark_process_run");
}

ON_WIRE(process_PR_07_P1_what_cannot_be_run_says_why_and_leaves_nothing)
{
    check_refused("no-such-program-anywhere", -ENOENT, "no such program in PATH");
    check_refused("./no-such-program", -ENOENT, "no such file");
    check_refused("/etc/passwd", -EACCES, "may not be run");
    check_refused("/", -EACCES, "may not be run");
    check_refused("/etc/passwd/x", -ENOTDIR, "Not a directory");
    const char *script = scratch_file("script", "echo hello\n", 0755);
    check_refused(script, -ENOEXEC, "begins with #!");
    scratch_remove(script);
    script = scratch_file("script", "#!/no/such/interpreter\n", 0755);
    check_refused(script, -ENOENT, "its interpreter is missing");
    scratch_remove(script);
    script = scratch_file("script", "#!/bin/sh\nexit 0\n", 0644);
    check_refused(script, -EACCES, "may not be run");
    CHECK_EQ(chmod(script, 0755), 0);
    CHECK_EQ(hark_process_run(HOW(.check = true), ARGV(script), NULL), 0);
    scratch_remove(script);
    CHECK(no_children());
}

ON_WIRE(process_PR_07_a_directory_that_is_not_there)
{
    hark_process p;

    CHECK_MISUSE(hark_process_open(&p, HOW(.directory = "/no/such"), ARGV("true")), -ENOENT,
                 "hark_process_open: \"true\": its directory \"/no/such\"");
    CHECK_MISUSE(hark_process_open(&p, HOW(.directory = "/etc/passwd"), ARGV("true")), -ENOTDIR,
                 "its directory \"/etc/passwd\"");
    CHECK_MISUSE(hark_process_open(&p, HOW(.directory = "/etc"), ARGV("./nothing")), -ENOENT,
                 "cannot run \"./nothing\" in \"/etc\"");
    CHECK(no_children());
}

ON_WIRE(process_P1_arguments_without_end)
{
    const size_t size = 1 << 20;
    char *argument = malloc(size);
    hark_process p;

    memset(argument, 'x', size - 1);
    argument[size - 1] = 0;
    CHECK_MISUSE(hark_process_open(&p, &all_pipes, ARGV("true", argument)), -E2BIG, "are too long");
    free(argument);
    CHECK(no_children());
}

/* ---- what it begins with --------------------------------------------------------------------- */

ON_WIRE(process_has_its_arguments_its_environment_its_directory)
{
    hark_output out = HARK_OUTPUT_INIT;

    CHECK_EQ(hark_process_run(HOW(.output = &out, .check = true),
                              ARGV("echo", "$HOME", "; *", "a  b", "", "\"'"), NULL),
             0);
    CHECK_STR(out.data, "$HOME ; * a  b  \"'\n"); /* no shell has seen it */
    hark_output_free(&out);
    CHECK_EQ(hark_process_run(HOW(.output = &out, .environment = ARGV("A=1", "B=2 3")), ARGV("env"),
                              NULL),
             0);
    CHECK_STR(out.data, "A=1\nB=2 3\n");
    hark_output_free(&out);
    CHECK_EQ(setenv("HARK_OF_OURS", "yes", 1), 0);
    CHECK_STR(said(HOW(), "echo $HARK_OF_OURS"), "yes\n");
    CHECK_STR(said(HOW(.directory = "/usr/lib"), "pwd -P"), "/usr/lib\n");
    CHECK_EQ(hark_process_run(HOW(.output = &out, .program = "sh", .check = true),
                              ARGV("renamed", "-c", "echo $0"), NULL),
             0);
    CHECK_STR(out.data, "renamed\n");
    hark_output_free(&out);
    const char *script = scratch_file("script", "#!/bin/sh\necho here\n", 0755);
    CHECK_EQ(hark_process_run(HOW(.output = &out, .directory = scratch), ARGV("./script"), NULL), 0);
    CHECK_STR(out.data, "here\n");
    hark_output_free(&out);
    scratch_remove(script);
}

ON_WIRE(process_P13_N3_begins_with_no_blocked_and_no_ignored_signals)
{
    sigset_t all, before;

    signal(SIGUSR1, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigfillset(&all);
    sigdelset(&all, SIGCHLD);
    CHECK_EQ(pthread_sigmask(SIG_BLOCK, &all, &before), 0);
    const char *text = said(HOW(), "exec grep -E 'Sig(Blk|Ign)' /proc/self/status");
    CHECK_HAS(text, "SigBlk:\t0000000000000000");
    const char *ignored = strstr(text, "SigIgn:\t");
    CHECK(ignored != NULL);
    /* 32 and 33 are the C library's own */
    CHECK_EQ(strtoull(ignored + 8, NULL, 16) & ~(3ull << 31), 0);
    CHECK_EQ(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    hark_output out = HARK_OUTPUT_INIT;
    CHECK_EQ(hark_process_run(HOW(.output = &out),
                              ARGV("bash", "-c", "yes | head -n 1; echo ${PIPESTATUS[0]}"), NULL),
             0);
    CHECK_STR(out.data, "y\n141\n"); /* 128 + SIGPIPE */
    hark_output_free(&out);
}

ON_WIRE(process_leads_a_group_or_a_session)
{
    static const char script[] =
        "read a b c d group session rest </proc/$$/stat; "
        "[ $$ = $group ] && echo group; [ $$ = $session ] && echo session; :";

    CHECK_STR(said(HOW(), script), "");
    CHECK_STR(said(HOW(.group = true), script), "group\n");
    CHECK_STR(said(HOW(.session = true), script), "group\nsession\n");
    CHECK_STR(said(HOW(.session = true, .group = true), script), "group\nsession\n");
}

/* The ends of a pipe do not share their flags: ours never block, the child's do. */
ON_WIRE(process_pipes_block_the_child_and_not_us)
{
    hark_process p;
    char flags[16] = "";

    sh(&p, HOW(.in = HARK_PIPE, .out = HARK_PIPE),
       "while read a b; do case $a in flags:) echo $b;; esac; done < /proc/$$/fdinfo/0");
    CHECK_GT(hark_read(p.out, flags, sizeof flags - 1), 0);
    CHECK_EQ(strtol(flags, NULL, 8) & (O_NONBLOCK | O_ACCMODE), O_RDONLY);
    CHECK_EQ(fcntl(p.in, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_WRONLY);
    CHECK_EQ(fcntl(p.out, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_RDONLY);
    CHECK_EQ(fcntl(p.in, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(fcntl(p.out, F_GETFD), FD_CLOEXEC);
    CHECK_EQ(hark_process_close(&p), 0);
}

/* ---- descriptors ----------------------------------------------------------------------------- */

static const char list_fds[] = "ls /proc/$$/fd; :";

/* A file in memory, by its name. */
static int known(const char *name, unsigned flags)
{
    const int fd = memfd_create(name, flags);
    CHECK_GE(fd, 0);
    return fd;
}

ON_WIRE(process_F18_PR_16_has_no_descriptor_but_those_that_were_asked_for)
{
    const int stray = known("stray", 0);
    const int high = fcntl(stray, F_DUPFD, 200);

    CHECK_STR(said(HOW(), list_fds), "0\n1\n2\n");
    CHECK_STR(said(HOW(.in = HARK_NULL, .err = HARK_TO_OUT), list_fds), "0\n1\n2\n");
    const hark_process_fd fds[] = {{7, high}, {5, stray}};
    CHECK_STR(said(HOW(.fds = fds, .fd_count = 2), list_fds), "0\n1\n2\n5\n7\n");
    CHECK_HAS(said(HOW(.keep_others = true), list_fds), "\n200\n");
    close(stray);
    close(high);
}

static void check_link(const char *text, const char *name)
{
    char expected[64];
    snprintf(expected, sizeof expected, "/memfd:%s (deleted)\n", name);
    CHECK_STR(text, expected);
}

ON_WIRE(process_has_the_descriptors_that_it_is_given)
{
    const int a = known("a", MFD_CLOEXEC), b = known("b", MFD_CLOEXEC);
    const hark_process_fd swapped[] = {{a, b}, {b, a}}, same[] = {{a, a}},
                          streams[] = {{0, a}, {2, b}}, out[] = {{1, a}};
    char script[64];

    snprintf(script, sizeof script, "readlink /proc/$$/fd/%d", a);
    check_link(said(HOW(.fds = swapped, .fd_count = 2), script), "b");
    check_link(said(HOW(.fds = same, .fd_count = 1), script), "a");
    check_link(said(HOW(.in = b), "readlink /proc/$$/fd/0"), "b");
    check_link(said(HOW(.err = b), "readlink /proc/$$/fd/2"), "b");
    check_link(said(HOW(.fds = streams, .fd_count = 2), "readlink /proc/$$/fd/0"), "a");
    check_link(said(HOW(.fds = streams, .fd_count = 2), "readlink /proc/$$/fd/2"), "b");
    /* its errors follow its output, wherever that comes from */
    CHECK_EQ(hark_process_run(HOW(.fds = out, .fd_count = 1, .err = HARK_TO_OUT, .check = true),
                              ARGV("sh", "-c", "echo to both; echo of them >&2"), NULL),
             0);
    char text[32] = "";
    CHECK_EQ(pread(a, text, sizeof text - 1, 0), 16);
    CHECK_STR(text, "to both\nof them\n");
    close(a);
    close(b);
}

ON_WIRE(process_descriptors_that_make_no_sense)
{
    hark_process p;
    const hark_process_fd twice[] = {{5, 0}, {5, 0}}, stream[] = {{1, 0}}, low[] = {{-1, 0}},
                          high[] = {{1024, 0}}, not_open[] = {{5, 999}};

    CHECK_MISUSE(hark_process_open(&p, HOW(.fds = twice, .fd_count = 2), ARGV("true")), -EINVAL,
                 "twice");
    CHECK_MISUSE(
        hark_process_open(&p, HOW(.out = HARK_PIPE, .fds = stream, .fd_count = 1), ARGV("true")),
        -EINVAL, "twice");
    CHECK_MISUSE(hark_process_open(&p, HOW(.fds = low, .fd_count = 1), ARGV("true")), -EINVAL, "-1");
    CHECK_MISUSE(hark_process_open(&p, HOW(.fds = high, .fd_count = 1), ARGV("true")), -EINVAL,
                 "1024");
    CHECK_MISUSE(hark_process_open(&p, HOW(.fds = not_open, .fd_count = 1), ARGV("true")), -EBADF,
                 "descriptor 999 for the child is not open");
    CHECK_MISUSE(hark_process_open(&p, HOW(.err = 999), ARGV("true")), -EBADF,
                 "err is descriptor 999, which is not open");
    CHECK(no_children());
}

/* Any of ours to any number there, in each other's way as it may be. */
ON_WIRE(process_has_any_descriptors_in_any_order)
{
    enum { FILES = 6, ROUNDS = 30 };
    uint64_t state = kit_seed();
    int ours[FILES];
    char name[16], script[256], expected[256];

    for (int i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "f%d", i);
        ours[i] = known(name, draw(&state) % 2 ? MFD_CLOEXEC : 0);
    }
    for (int round = 0; round < ROUNDS / kit_slow() + 1; round++) {
        hark_process_fd fds[FILES];
        const int base = draw(&state) % 2 ? ours[0] : 3;
        int place[FILES];
        for (int i = 0; i < FILES; i++) {
            place[i] = i;
        }
        for (int i = FILES - 1; i > 0; i--) {
            const int j = (int)(draw(&state) % (uint64_t)(i + 1)), kept = place[i];
            place[i] = place[j];
            place[j] = kept;
        }
        size_t used = (size_t)snprintf(script, sizeof script, "readlink"), known_by = 0;
        const size_t count = 1 + draw(&state) % FILES;
        for (size_t i = 0; i < count; i++) {
            const int which = (int)(draw(&state) % FILES);
            fds[i] = (hark_process_fd){base + place[i], ours[which]};
            used += (size_t)snprintf(script + used, sizeof script - used, " /proc/$$/fd/%d",
                                     fds[i].child);
            known_by += (size_t)snprintf(expected + known_by, sizeof expected - known_by,
                                         "/memfd:f%d (deleted)\n", which);
        }
        CHECK_STR(said(HOW(.fds = fds, .fd_count = count, .err = HARK_NULL), script), expected);
    }
    for (int i = 0; i < FILES; i++) {
        close(ours[i]);
    }
}

/* Pipes and files of ours get the numbers 0, 1 and 2 then, which the child's must not overwrite. */
static void without_streams(unsigned closed)
{
    int saved[3];

    for (int i = 0; i < 3; i++) {
        saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 100);
        if (closed & 1u << i) {
            close(i);
        }
    }
    hark_output out = HARK_OUTPUT_INIT, err = HARK_OUTPUT_INIT;
    const int rc =
        hark_process_run(HOW(.input = "round\n", .input_size = 6, .output = &out, .errors = &err),
                         ARGV("sh", "-c", "cat; echo trip >&2"), NULL);
    char inherited[128];
    snprintf(inherited, sizeof inherited, "%s",
             said(HOW(), "readlink /proc/$$/fd/0; ls /proc/$$/fd"));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(dup2(saved[i], i), i);
        close(saved[i]);
    }
    CHECK_EQ(rc, 0);
    CHECK_STR(out.data, "round\n");
    CHECK_STR(err.data, "trip\n");
    CHECK_HAS(inherited, "\n0\n1\n2\n");
    CHECK(!(closed & 1) || strncmp(inherited, "/dev/null\n", 10) == 0);
    hark_output_free(&out);
    hark_output_free(&err);
}

ON_WIRE(process_F16_with_0_1_and_2_closed_here)
{
    for (unsigned closed = 0; closed < 8; closed++) {
        without_streams(closed);
    }
}

/* ---- whatever fails -------------------------------------------------------------------------- */

static struct hark__sys real;
static int calls, failing, with_error;
static bool failed;

static bool fails(void)
{
    if (++calls != failing) {
        return false;
    }
    failed = true;
    errno = with_error;
    return true;
}

static int failing_pipe2(int fds[2], int flags)
{
    return fails() ? -1 : real.pipe2(fds, flags);
}

static int failing_open(const char *path, int flags, mode_t mode)
{
    return fails() ? -1 : real.open(path, flags, mode);
}

static int failing_fcntl(int fd, int command, int argument)
{
    const bool asks = command == F_GETFD || command == F_GETFL;
    return !asks && fails() ? -1 : real.fcntl_int(fd, command, argument);
}

static int failing_pidfd_open(pid_t pid, unsigned flags)
{
    return fails() ? -1 : real.pidfd_open(pid, flags);
}

static int failing_spawn(pid_t *pid, const char *program, const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const *argv,
                         char *const *environment)
{
    return fails() ? with_error
                   : real.posix_spawnp(pid, program, actions, attributes, argv, environment);
}

static int failing_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    if (with_error == EINTR && fails()) {
        return -1;
    }
    return real.waitid(type, id, info, options);
}

static int failing_close(int fd)
{
    const int rc = real.close(fd);
    return with_error == EINTR && fails() ? -1 : rc;
}

static void let_calls_fail(int number, int error)
{
    real = calls || failing ? real : hark__sys;
    calls = 0;
    failing = number;
    with_error = error;
    failed = false;
    hark__sys.pipe2 = failing_pipe2;
    hark__sys.open = failing_open;
    hark__sys.fcntl_int = failing_fcntl;
    hark__sys.pidfd_open = failing_pidfd_open;
    hark__sys.posix_spawnp = failing_spawn;
    hark__sys.waitid = failing_waitid;
    hark__sys.close = failing_close;
}

static int run_all(void)
{
    hark_output out = HARK_OUTPUT_INIT, err = HARK_OUTPUT_INIT;
    const hark_process_fd fds[] = {{4, 0}, {0, 1}};
    const int rc = hark_process_run(HOW(.directory = "/", .fds = fds, .fd_count = 2, .output = &out,
                                        .errors = &err, .check = true),
                                    ARGV("sh", "-c", "echo 1; echo 2 >&2"), NULL);
    CHECK(rc || (strcmp(out.data, "1\n") == 0 && strcmp(err.data, "2\n") == 0));
    hark_output_free(&out);
    hark_output_free(&err);
    CHECK(no_children());
    return rc;
}

/* The kit counts what is left of descriptors and memory. */
ON_WIRE(process_PR_16_BG_121_each_call_may_fail)
{
    const int errors[] = {EMFILE, ENOMEM, EINTR};

    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        int number = 1, refusals = 0;
        do {
            let_calls_fail(number++, errors[i]);
            const int rc = run_all();
            CHECK(rc == 0 || (failed && rc == -errors[i]));
            CHECK(rc == 0 || strncmp(hark_error_last(), "hark_process_run: \"sh\"", 22) == 0 ||
                  strncmp(hark_error_last(), "hark_process_run: cannot run \"sh\"", 33) == 0);
            refusals += rc != 0;
        } while (failed);
        CHECK_GT(refusals, 4); /* directory, in, pipes, ..., the child */
        failing = 0;
    }
    hark__sys = real;
}

ON_WIRE(process_PR_16_each_allocation_may_fail)
{
    int number = 1, refusals = 0;
    bool lacking;

    do {
        lack_memory(number++);
        const int rc = run_all();
        lacking = lacked();
        CHECK(rc == 0 || (lacking && rc == -ENOMEM));
        refusals += rc != 0;
    } while (lacking);
    CHECK_GE(refusals, 3); /* the record, the plan, the output */
}

/* Not a single allocation any more: a child that runs is ended and reaped all the same. */
ON_WIRE(process_is_closed_without_any_memory)
{
    hark_process p;
    int status = -1;

    for (int way = 0; way < 2; way++) {
        sh(&p, HOW(.out = HARK_PIPE), "trap '' TERM; echo; exec sleep 60");
        await_byte(p.out);
        if (way == 1) {
            without_pidfd(EMFILE);
        }
        lack_memory(-1);
        CHECK_EQ(hark_process_close(&p), 0);
        lacked();
        CHECK_EQ(hark_process_wait(&p, &status), 0);
        CHECK_EQ(status, SIGKILL);
        CHECK(no_children());
    }
}

ON_WIRE(process_PR_16_no_descriptors_are_left)
{
    struct rlimit before, limit;
    hark_process p;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const int next = dup(0);
    close(next);
    limit = before;
    for (int more = 0; more < 6; more++) {
        limit.rlim_cur = (rlim_t)(next + more);
        CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
        CHECK_MISUSE(hark_process_open(&p, &all_pipes, ARGV("true")), -EMFILE,
                     "\"true\": a pipe to it");
    }
    limit.rlim_cur = (rlim_t)(next + 6); /* none for a descriptor of the process, then */
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(hark_process_open(&p, &all_pipes, ARGV("true")), 0);
    CHECK_EQ(hark_process_wait(&p, NULL), 0);
    CHECK_EQ(hark_process_close(&p), 0);
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    CHECK(no_children());
}

/* ---- at the same time ------------------------------------------------------------------------ */

static const char *const places[] = {"/", "/usr", "/etc", "/tmp"};

static int run_in_place(void *place)
{
    const char *where = *(const char *const *)place;
    char variable[64], expected[64];

    snprintf(variable, sizeof variable, "WHERE=%s", where);
    snprintf(expected, sizeof expected, "%s %s\n", where, where);
    for (int i = 0; i < 20 / kit_slow() + 1; i++) {
        hark_output out = HARK_OUTPUT_INIT;
        CHECK_EQ(hark_process_run(HOW(.directory = where, .environment = ARGV(variable),
                                      .output = &out, .check = true),
                                  ARGV("/bin/sh", "-c", "echo $WHERE $(pwd -P)"), NULL),
                 0);
        CHECK_STR(out.data, expected);
        hark_output_free(&out);
    }
    return 0;
}

static void *run_in_thread(void *place)
{
    CHECK_EQ(hark_run(run_in_place, place), 0);
    return NULL;
}

/* Each loop's children have what that loop gave them. */
TEST_ON_HUBS(process_P18_of_several_threads_at_once)
{
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, run_in_thread, (void *)(uintptr_t)&places[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    }
    CHECK(no_children());
}
