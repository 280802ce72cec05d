/* SPDX-License-Identifier: MIT
 *
 * spawn.c - a child is made.
 *
 * Idea     posix_spawnp does the forking: it shares our memory until the program is loaded,
 *          tells us why it could not be, and is kept well by others. Here stands what it is to
 *          do: a plan, one line for each descriptor of the child, with the number that it has
 *          here.
 *
 *              child 0 <- 7 (a pipe's end, made for it)     7 is closed here afterwards
 *              child 1 <- 1 (inherited)
 *              child 2 <- 1 (HARK_TO_OUT)
 *              child 5 <- 0 (asked for)
 *
 * Rules    N1  The lines are done one after another, so no line may overwrite what a later one
 *              reads: what stands in the way is doubled beforehand to a number above them all.
 *              So any permutation works, also when our own 0, 1 or 2 were closed and a pipe has
 *              got such a number.
 *          N2  All that is made here for the child is close-on-exec, and is closed again before
 *              we return, however it goes. Our ends of the pipes are non-blocking; the child's
 *              are not.
 *          N3  The directory is opened beforehand: whether it or the program is missing is told
 *              apart.
 *          N4  The child begins with no blocked signals, and all of them have their default
 *              action.
 * Not here The process's life (process.c).
 */
#include <fcntl.h>
#include <spawn.h>
#include <string.h>

#include "io/child.h"

extern char **environ;

struct line {
    int child, ours; /* its number there, and here; -1: nothing is to be done */
    int made, moved; /* what is closed here afterwards; -1: nothing */
};

struct plan {
    const hark_process_options *options;
    const char *const *argv;
    const char *call;
    const char *program;
    int directory; /* -1: ours */
    int highest;   /* of the child's numbers */
    int *pipes;    /* our ends */
    int count;
    struct line lines[];
};

#define MOST 1023 /* of a child's numbers: each below the largest one takes a moment */

static const char *const names[] = {"in", "out", "err"};

static int fail_with(const struct plan *plan, int error, const char *what)
{
    return hark__fail(error, plan->call, "\"%s\": %s: %s", plan->program, what,
                      strerrordesc_np(-error));
}

/* ---- what was asked for ---------------------------------------------------------------------- */

static bool is_open(int fd)
{
    return fd >= 0 && hark__sys.fcntl_int(fd, F_GETFD, 0) >= 0;
}

static int check_stream(const struct plan *plan, int which, int wanted)
{
    if (wanted < HARK_TO_OUT || (wanted == HARK_TO_OUT && which != 2)) {
        return hark__fail(-EINVAL, plan->call,
                          wanted == HARK_TO_OUT
                              ? "\"%s\": %s is HARK_TO_OUT; only err can go there"
                              : "\"%s\": %s is nothing that there is; see hark_process_options",
                          plan->program, names[which]);
    }
    if (wanted > 0 && !is_open(wanted)) {
        return hark__fail(-EBADF, plan->call, "\"%s\": %s is descriptor %d, which is not open",
                          plan->program, names[which], wanted);
    }
    return 0;
}

static int stream_of(const hark_process_options *o, int which)
{
    return which == 0 ? o->in : which == 1 ? o->out : o->err;
}

static int check_extra(const struct plan *plan, size_t which)
{
    const hark_process_fd *fds = plan->options->fds, *extra = &fds[which];
    bool twice = extra->child >= 0 && extra->child <= 2 && stream_of(plan->options, extra->child);

    for (size_t i = 0; i < which; i++) {
        twice |= fds[i].child == extra->child;
    }
    if (extra->child < 0 || extra->child > MOST || twice) {
        return hark__fail(-EINVAL, plan->call,
                          twice ? "\"%s\": the child's descriptor %d is asked for twice"
                                : "\"%s\": %d cannot be a child's descriptor; 0 to 1023 can",
                          plan->program, extra->child);
    }
    return is_open(extra->ours)
               ? 0
               : hark__fail(-EBADF, plan->call, "\"%s\": descriptor %d for the child is not open",
                            plan->program, extra->ours);
}

static int check(const struct plan *plan)
{
    int error = 0;

    for (int i = 0; i < 3 && !error; i++) {
        error = check_stream(plan, i, stream_of(plan->options, i));
    }
    for (size_t i = 0; i < plan->options->fd_count && !error; i++) {
        error = check_extra(plan, i);
    }
    return error;
}

/* ---- the plan -------------------------------------------------------------------------------- */

static void plan_close(const struct plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        if (plan->lines[i].made >= 0) {
            hark__sys.close(plan->lines[i].made);
        }
        if (plan->lines[i].moved >= 0) {
            hark__sys.close(plan->lines[i].moved);
        }
    }
    if (plan->directory >= 0) {
        hark__sys.close(plan->directory);
    }
}

static int open_null(const struct plan *plan, struct line *line)
{
    line->ours = line->made = hark__sys.open("/dev/null", O_RDWR | O_CLOEXEC, 0);
    return line->made < 0 ? fail_with(plan, -errno, "/dev/null") : 0;
}

/* Ours is non-blocking by itself: the ends of a pipe do not share that flag. */
static int open_pipe(const struct plan *plan, struct line *line)
{
    int fds[2], end = line->child == 0 ? 1 : 0;

    if (hark__sys.pipe2(fds, O_CLOEXEC) < 0) {
        return fail_with(plan, -errno, "a pipe to it");
    }
    plan->pipes[line->child] = fds[end];
    line->ours = line->made = fds[!end];
    if (hark__sys.fcntl_int(fds[end], F_SETFL, O_NONBLOCK) < 0) {
        return fail_with(plan, -errno, "a pipe to it");
    }
    return 0;
}

/* What is not there, or is close-on-exec because it is something of ours: the child must not take
 * its first file for it. */
static int inherit(const struct plan *plan, struct line *line)
{
    int flags = hark__sys.fcntl_int(line->child, F_GETFD, 0);

    if (flags < 0 || flags & FD_CLOEXEC) {
        return open_null(plan, line);
    }
    line->ours = line->child;
    return 0;
}

/* What the child's number 1 is, wherever it comes from. */
static int where_out_goes(const struct plan *plan)
{
    for (int i = 3; i < plan->count; i++) {
        if (plan->lines[i].child == 1) {
            return plan->lines[i].ours;
        }
    }
    return plan->lines[1].ours;
}

static int plan_stream(const struct plan *plan, struct line *line, int wanted)
{
    switch (wanted) {
    case HARK_INHERIT: return inherit(plan, line);
    case HARK_PIPE: return open_pipe(plan, line);
    case HARK_NULL: return open_null(plan, line);
    case HARK_TO_OUT: line->ours = where_out_goes(plan); return 0;
    default: line->ours = wanted; return 0;
    }
}

/* 0, 1 and 2, but for those that are among the others. */
static int plan_streams(struct plan *plan)
{
    int error = 0;

    for (int i = 0; i < 3 && !error; i++) {
        bool asked_for = false;
        for (int j = 3; j < plan->count; j++) {
            asked_for |= plan->lines[j].child == i;
        }
        if (!asked_for) {
            error = plan_stream(plan, &plan->lines[i], stream_of(plan->options, i));
        }
    }
    return error;
}

/* Does another line overwrite what this one reads? */
static bool is_in_the_way(const struct plan *plan, const struct line *line)
{
    for (int i = 0; i < plan->count; i++) {
        const struct line *other = &plan->lines[i];
        if (other != line && other->ours >= 0 && other->child == line->ours &&
            other->ours != line->ours) {
            return true;
        }
    }
    return false;
}

/* Rule N1. */
static int clear_the_way(struct plan *plan)
{
    for (int i = 0; i < plan->count; i++) {
        struct line *line = &plan->lines[i];
        if (line->ours < 0 || !is_in_the_way(plan, line)) {
            continue;
        }
        line->moved = hark__sys.fcntl_int(line->ours, F_DUPFD_CLOEXEC, plan->highest + 1);
        if (line->moved < 0) {
            return fail_with(plan, -errno, "no free descriptor");
        }
    }
    for (int i = 0; i < plan->count; i++) {
        if (plan->lines[i].moved >= 0) {
            plan->lines[i].ours = plan->lines[i].moved;
        }
    }
    return 0;
}

static int plan_directory(struct plan *plan)
{
    const char *path = plan->options->directory;

    if (!path) {
        return 0;
    }
    plan->directory = hark__sys.open(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    if (plan->directory < 0) {
        int error = -errno;
        return hark__fail(error, plan->call, "\"%s\": its directory \"%s\": %s", plan->program,
                          path, strerrordesc_np(-error));
    }
    return 0;
}

static struct plan *plan_new(const hark_process_options *options)
{
    size_t count = 3 + options->fd_count;
    size_t size = sizeof(struct plan) + count * sizeof(struct line);
    struct plan *plan = count < 1 << 20 ? hark__alloc(size) : NULL;

    if (!plan) {
        return NULL;
    }
    plan->options = options;
    plan->directory = -1;
    plan->highest = 2;
    plan->count = (int)count;
    for (int i = 0; i < plan->count; i++) {
        const hark_process_fd *extra = i < 3 ? NULL : &options->fds[i - 3];
        plan->lines[i] = (struct line){extra ? extra->child : i, extra ? extra->ours : -1, -1, -1};
        plan->highest = extra && extra->child > plan->highest ? extra->child : plan->highest;
    }
    return plan;
}

static void plan_free(struct plan *plan)
{
    hark__free(plan, sizeof *plan + (size_t)plan->count * sizeof *plan->lines);
}

/* ---- told to the C library ------------------------------------------------------------------- */

static bool child_has(const struct plan *plan, int number)
{
    for (int i = 0; i < plan->count; i++) {
        if (plan->lines[i].child == number && plan->lines[i].ours >= 0) {
            return true;
        }
    }
    return false;
}

/* Positive errors, as the C library's. Doubling a descriptor onto itself takes its
 * close-on-exec. */
static int add_actions(const struct plan *plan, posix_spawn_file_actions_t *actions)
{
    int error = 0;

    if (plan->directory >= 0) {
        error = posix_spawn_file_actions_addfchdir_np(actions, plan->directory);
    }
    for (int i = 0; i < plan->count && !error; i++) {
        const struct line *line = &plan->lines[i];
        if (line->ours >= 0) {
            error = posix_spawn_file_actions_adddup2(actions, line->ours, line->child);
        }
    }
    if (plan->options->keep_others || error) {
        return error;
    }
    for (int number = 3; number <= plan->highest && !error; number++) {
        if (!child_has(plan, number)) {
            error = posix_spawn_file_actions_addclose(actions, number);
        }
    }
    return error ? error : posix_spawn_file_actions_addclosefrom_np(actions, plan->highest + 1);
}

/* Rule N4. */
static void set_attributes(const struct plan *plan, posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    bool session = plan->options->session, group = plan->options->group && !session;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                 (group ? POSIX_SPAWN_SETPGROUP : 0) |
                                                 (session ? POSIX_SPAWN_SETSID : 0)));
}

static int start(const struct plan *plan, pid_t *pid)
{
    const char *const *environment = plan->options->environment;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);

    if (error) {
        return error;
    }
    if ((error = posix_spawnattr_init(&attributes)) == 0) {
        set_attributes(plan, &attributes);
        error = add_actions(plan, &actions);
        if (!error) {
            error = hark__sys.posix_spawnp(
                pid, plan->program, &actions, &attributes, (char *const *)(uintptr_t)plan->argv,
                environment ? (char *const *)(uintptr_t)environment : environ);
        }
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static const char *why_not(int error, bool in_path)
{
    switch (error) {
    case ENOENT:
        return in_path ? "there is no such program in PATH"
                       : "there is no such file, or its interpreter is missing";
    case EACCES: return "it may not be run, or its directory not be entered";
    case ENOEXEC: return "it is neither a program nor a script that begins with #!";
    case E2BIG: return "its arguments and environment are too long";
    case EAGAIN: return "too many processes, see RLIMIT_NPROC";
    default: return strerrordesc_np(error);
    }
}

static int not_started(const struct plan *plan, int error)
{
    const char *directory = plan->options->directory;
    const char *words = why_not(error, !strchr(plan->program, '/'));

    return hark__fail(-error, plan->call,
                      directory ? "cannot run \"%s\" in \"%s\": %s" : "cannot run \"%s\"%s: %s",
                      plan->program, directory ? directory : "", words ? words : "why?");
}

/* ---- the call -------------------------------------------------------------------------------- */

static int make_child(struct plan *plan, pid_t *pid)
{
    int error = check(plan);

    if (error || (error = plan_directory(plan)) || (error = plan_streams(plan)) ||
        (error = clear_the_way(plan))) {
        return error;
    }
    error = start(plan, pid);
    return error ? not_started(plan, error) : 0;
}

int hark__spawn(pid_t *pid, int pipes[3], const hark_process_options *options,
                const char *const *argv, const char *call)
{
    struct plan *plan = plan_new(options);

    pipes[0] = pipes[1] = pipes[2] = -1;
    if (!plan) {
        return hark__fail(-ENOMEM, call, "no memory to run \"%s\"", argv[0]);
    }
    plan->argv = argv;
    plan->call = call;
    plan->program = options->program ? options->program : argv[0];
    plan->pipes = pipes;
    int error = make_child(plan, pid);
    plan_close(plan);
    plan_free(plan);
    for (int i = 0; i < 3; i++) {
        if (pipes[i] >= 0 && error && !planted(spawn_leaves_a_pipe)) {
            hark__sys.close(pipes[i]);
            pipes[i] = -1;
        } else if (pipes[i] >= 0) {
            hark__fd_fresh(hark__here, pipes[i], FD_PIPE);
        }
    }
    return error;
}
