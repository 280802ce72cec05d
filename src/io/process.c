/* SPDX-License-Identifier: MIT
 *
 * process.c - other programs as children; hark/process.h has the promises.
 *
 * Idea     A process is the record of its child (child.c) with pipes and a way to end it. Whoever
 *          reaps the child, in this loop, tells the process first: so from then on nobody signals
 *          that number any more, and everybody who asks hears the same status.
 *
 *              open ---> RUNS ---> ENDED, or LOST (reaped by a stranger)
 *                          |
 *                          '-- close: SIGKILL, and a wait that nothing cuts short
 * Rules    R1  What ends a child needs no memory, no free descriptor, and no checkpoint. Where
 *              nobody can tell us of the end of a child that is being ended, we look for it now
 *              and then.
 *          R2  Before each signal we see that the child is ours still, and its number so nobody
 *              else's.
 *          R3  Who has waited touches *p no more: whoever closed it may have freed it.
 *          R4  All that hark_process_communicate starts ends within it.
 */
#include <fcntl.h>
#include <hark/process.h>
#include <hark/scope.h>
#include <string.h>
#include <sys/wait.h>

#include "io/child.h"

#define GRACE HARK_S(5)
#define PIECE 4096 /* an output begins with it; what is thrown away is read in halves of it */

enum { NEVER_OPENED, RUNS = 0x52554e53, ENDED = 0x454e4445, LOST = 0x4c4f5354 };

/* ---- what it is ------------------------------------------------------------------------------ */

void hark__process_told(hark_process *p, int result, int status)
{
    p->child = NULL;
    p->state = result ? LOST : ENDED;
    p->status = status;
}

/* 0; -EINVAL; -EXDEV. */
static int check(hark_process *p, const char *call)
{
    if (!p || (p->state != RUNS && p->state != ENDED && p->state != LOST)) {
        return hark__fail(-EINVAL, call, p ? "the process was never opened" : "it is NULL");
    }
    if (!hark__loop_here()) {
        return hark__fail(-EXDEV, call, "there is no loop in this thread; process %d (%s) has one",
                          (int)p->pid, p->name);
    }
    return p->child ? hark__touch(&p->child->waiters, call) : 0;
}

/* ... in a task. No checkpoint. */
static int check_in_task(hark_process *p, const char *call)
{
    return hark__here && hark__here->running ? check(p, call) : hark__no_task(call);
}

static int lost(const hark_process *p, const char *call)
{
    return p->state == LOST ? hark__child_lost(-ECHILD, p->pid, call) : 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int check_options(const hark_process_options *o, const char *const *argv, const char *call)
{
    if (o->size != sizeof *o) {
        return hark__fail(-EINVAL, call,
                          "options.size is %lu; set it to sizeof(hark_process_options)",
                          (unsigned long)o->size);
    }
    if (!argv || !argv[0] || (!argv[0][0] && !o->program)) {
        return hark__fail(-EINVAL, call, "there is no program; argv[0] is %s",
                          argv && argv[0] ? "empty" : "NULL");
    }
    if (o->grace < 0 || o->end_signal < 0 || o->end_signal >= NSIG || (o->fd_count && !o->fds)) {
        return hark__fail(-EINVAL, call,
                          o->grace < 0    ? "\"%s\": its grace is negative"
                          : o->end_signal ? "\"%s\": its end_signal is no signal"
                                          : "\"%s\": the array of its descriptors is NULL",
                          argv[0]);
    }
    return 0;
}

static void fill(hark_process *p, const hark_process_options *o, const char *const *argv)
{
    const char *program = o->program ? o->program : argv[0], *slash = strrchr(program, '/');

    *p = (hark_process){
        .in = -1,
        .out = -1,
        .err = -1,
        .end_signal = o->end_signal ? o->end_signal : SIGTERM,
        .many = o->group || o->session,
        .grace = o->grace ? o->grace : GRACE,
        .end = o->end,
        .end_arg = o->end_arg,
    };
    snprintf(p->name, sizeof p->name, "%s", slash && slash[1] ? slash + 1 : program);
}

static int open_process(hark_process *p, const hark_process_options *o, const char *const *argv,
                        const char *call)
{
    int pipes[3];
    struct hark__child *child;

    fill(p, o, argv);
    child = hark__child_new(p);
    if (!child) {
        return hark__fail(-ENOMEM, call, "no memory to run \"%s\"", argv[0]);
    }
    int error = hark__spawn(&p->pid, pipes, o, argv, call);
    if (error) {
        hark__child_free(child);
        return error;
    }
    p->in = pipes[0];
    p->out = pipes[1];
    p->err = pipes[2];
    p->state = RUNS;
    p->child = child;
    hark__child_born(hark__here, child, p->pid);
    return 0;
}

static const hark_process_options plain = {.size = sizeof plain};

int hark_process_open(hark_process *p, const hark_process_options *options, const char *const *argv)
{
    static const char call[] = "hark_process_open";
    const hark_process_options *o = options ? options : &plain;
    int error;

    if (!p) {
        return hark__fail(-EINVAL, call, "the process is NULL");
    }
    p->state = NEVER_OPENED;
    if ((error = check_options(o, argv, call))) {
        return error;
    }
    if (o->input || o->input_size || o->output || o->errors || o->check) {
        return hark__fail(-EINVAL, call,
                          "\"%s\": input, output, errors and check are for hark_process_run; here, "
                          "see HARK_PIPE and hark_process_communicate",
                          argv[0]);
    }
    error = hark__enter_task(call);
    return error ? error : open_process(p, o, argv, call);
}

/* ---- its end, looked at ---------------------------------------------------------------------- */

int hark_process_ended(hark_process *p)
{
    int error = check(p, "hark_process_ended");
    return error ? error : !p->child || hark__child_look(p->child);
}

int hark_process_wait(hark_process *p, int *status)
{
    static const char call[] = "hark_process_wait";
    int error = hark__enter_task(call);

    if (error || (error = check(p, call))) {
        return error;
    }
    if (!p->child || hark__child_look(p->child)) {
        if (status && p->state == ENDED) {
            *status = p->status;
        }
        error = lost(p, call);
        hark__pass(); /* rule R3: from here on, too */
        return error;
    }
    pid_t pid = p->pid;
    error = hark__child_wait(p->child, status, call); /* rule R3 */
    return error == -ECHILD ? hark__child_lost(error, pid, call) : error;
}

/* ---- as a case of a select ------------------------------------------------------------------- */

static int check_case(hark_case *c, const char *call)
{
    return check(c->object, call);
}

static bool has_ended(hark_case *c)
{
    hark_process *p = c->object;

    if (p->child && !hark__child_look(p->child)) {
        return false;
    }
    c->result = p->state == LOST ? -ECHILD : 0;
    return true;
}

static int join_case(hark_loop *loop, hark_case *c)
{
    return hark__child_join(loop, ((hark_process *)c->object)->child, &c->in.waiter);
}

static void leave_case(hark_loop *loop, hark_case *c)
{
    if (c->in.waiter.list) {
        hark__child_leave(loop, &c->in.waiter);
    }
}

/* That it has ended is no wake-up lost: the kernel's news of it may be on their way. */
static bool case_is_there(hark_case *c)
{
    return ((const hark_process *)c->object)->child == NULL;
}

static void case_stands(const hark__task *task, const hark_case *c, struct hark__audit *audit)
{
    hark__audit_waiter(audit, task, &c->in.waiter);
    if (!((const hark_process *)c->object)->child->loose) {
        hark__audit_hold(audit);
    }
}

static void describe_case(const hark_case *c, struct hark__text *text)
{
    const hark_process *p = c->object;
    hark__text_put(text, " %d (%s)", (int)p->pid, p->name);
}

static void explain_case(hark_case *c, const char *call)
{
    hark__child_lost(c->result, (int)c->number, call);
}

static const struct hark__case_kind on_process = {
    .what = "the end of process",
    .check = check_case,
    .look = hark__look_at_one,
    .ready = has_ended,
    .join = join_case,
    .leave = leave_case,
    .there = case_is_there,
    .stands = case_stands,
    .describe = describe_case,
    .explain = explain_case,
};

hark_case hark_on_process(hark_process *p)
{
    return (hark_case){.kind = &on_process, .object = p, .number = p ? p->pid : 0};
}

/* ---- signals --------------------------------------------------------------------------------- */

/* 0, -ESRCH, -EPERM, -EINVAL. */
static int send_signal(const hark_process *p, int signo)
{
    const struct hark__child *child = p->child;
    int rc;

    if (!child || (!hark__child_is_ours(child) && !planted(process_signals_a_stranger))) { /* R2 */
        return -ESRCH;
    }
    if (child->fd >= 0 && !p->many) {
        rc = hark__sys.pidfd_send_signal(child->fd, signo, NULL, 0);
        if (rc == 0 || (errno != ENOSYS && errno != EPERM)) {
            return rc < 0 ? -errno : 0;
        } /* EPERM: perhaps it is the call that is forbidden */
    }
    rc = hark__sys.kill(p->many ? -p->pid : p->pid, signo);
    return rc < 0 ? -errno : 0;
}

int hark_process_signal(hark_process *p, int signo)
{
    static const char call[] = "hark_process_signal";
    int error = check(p, call);

    if (error || (error = send_signal(p, signo)) == 0) {
        return error;
    }
    return error == -ESRCH
               ? hark__fail(error, call, "process %d (%s) has ended", (int)p->pid, p->name)
               : hark__fail(error, call, "process %d (%s), signal %d: %s", (int)p->pid, p->name,
                            signo, strerrordesc_np(-error));
}

/* ---- ending it ------------------------------------------------------------------------------- */

/* Rule R1: there is no memory to be told of its end, or SIGCHLD is taken. */
static void watch_it_end(hark_process *p, bool for_certain)
{
    while (p->child && !hark__child_look(p->child)) {
        if (hark_sleep(HARK_MS(1)) < 0) {
            if (!for_certain) {
                return;
            }
            hark__give_way();
        }
    }
}

/* Has it ended? If it leads a group, what is left of that ends with it. */
static bool has_gone(hark_process *p)
{
    if (p->child) {
        p->child->sweeps = p->many;
    }
    return !p->child || hark__child_look(p->child);
}

/* 0; -EPERM: it may not be killed. */
static int send_kill(hark_process *p, const char *call)
{
    if (has_gone(p) || send_signal(p, SIGKILL) != -EPERM) {
        return 0;
    }
    p->child->sweeps = false;
    return hark__fail(-EPERM, call, "process %d (%s) runs as somebody else, and may not be killed",
                      (int)p->pid, p->name);
}

/* Nothing cuts this short. */
static void outlive(hark_process *p, const char *call)
{
    if (planted(process_close_gives_up) && hark__here->running->level->flags & LEVEL_REACHED) {
        return;
    }
    int error = p->child ? hark__child_outlive(p->child, call) : 0;

    if (error && error != -ECHILD) {
        watch_it_end(p, true);
    }
}

/* The program's own way, or the signal. < 0: it did not work. */
static int ask_to_end(hark_process *p)
{
    if (p->end) {
        int rc = p->end(p, p->end_arg);
        return rc == -ECANCELED ? 0 : rc; /* the grace is over: we shall see */
    }
    int error = send_signal(p, p->end_signal);
    send_signal(p, SIGCONT);
    return error;
}

/* Ask, and wait for as long as the grace lasts. */
static void give_grace(hark_process *p, const char *call)
{
    hark_scope grace;
    int rc = hark_scope_open(&grace, planted(process_grace_is_for_ever) ? HARK_FOREVER : p->grace);

    hark_scope_shield(&grace, true);
    hark__child_loosen(p->child, true);
    rc = ask_to_end(p);
    if (rc >= 0 && p->child) {
        rc = hark__enter_task(call);
        rc = rc ? rc : hark__child_wait(p->child, NULL, call);
        if (rc && rc != -ECHILD && rc != -ECANCELED) {
            watch_it_end(p, false);
        }
    }
    if (p->child) {
        hark__child_loosen(p->child, false);
    }
    hark_scope_close(&grace, 0);
}

static int end_it(hark_process *p, const char *call)
{
    if (has_gone(p)) {
        return 0;
    }
    give_grace(p, call);
    if (has_gone(p)) {
        return 0;
    }
    int error = send_kill(p, call);
    if (!error) {
        outlive(p, call);
    }
    return error ? error : 1;
}

int hark_process_end(hark_process *p)
{
    static const char call[] = "hark_process_end";
    int error = check_in_task(p, call);

    return error ? error : end_it(p, call);
}

static void close_pipe(int *fd)
{
    int number = *fd;

    *fd = -1;
    if (number >= 0) {
        hark_close(number);
    }
}

int hark_process_close(hark_process *p)
{
    static const char call[] = "hark_process_close";
    int error = check_in_task(p, call);

    if (error) {
        return error;
    }
    error = send_kill(p, call); /* before it sees an end of its input, and ends with that */
    close_pipe(&p->in);
    close_pipe(&p->out);
    close_pipe(&p->err);
    if (!error) {
        outlive(p, call);
    }
    return error;
}

/* ---- what it writes -------------------------------------------------------------------------- */

void hark_output_free(hark_output *output)
{
    if (output) {
        hark__free(output->data, output->room);
        *output = (hark_output){.max = output->max};
    }
}

/* Room for at least one byte more, and the zero byte. 0, -ENOMEM. */
static int make_room(hark_output *output)
{
    size_t room = output->room ? 2 * output->room : PIECE;

    if (output->room > output->size + 1) {
        return 0;
    }
    char *data = room > output->room ? hark__realloc(output->data, output->room, room) : NULL;
    if (!data) {
        return hark__fail(-ENOMEM, "hark_process_communicate", "no memory for %lu bytes of output",
                          (unsigned long)room);
    }
    output->data = data;
    output->room = room;
    data[output->size] = 0;
    return 0;
}

static bool is_full(const hark_output *output)
{
    return !output || (output->max && output->size >= output->max);
}

static ssize_t throw_away(int fd, hark_output *output)
{
    char bytes[PIECE / 2];
    ssize_t n = hark_read(fd, bytes, sizeof bytes);

    if (n > 0 && output) {
        output->lost += (size_t)n;
    }
    return n;
}

/* As hark_read; output NULL: it is thrown away. */
static ssize_t read_some(int fd, hark_output *output)
{
    if (is_full(output)) {
        return throw_away(fd, output);
    }
    int error = make_room(output);
    if (error) {
        return error;
    }
    size_t room = output->room - output->size - 1;
    size_t left = output->max ? output->max - output->size : room;
    ssize_t n = hark_read(fd, output->data + output->size, room < left ? room : left);
    if (n > 0) {
        output->size += (size_t)n;
        output->data[output->size] = 0;
    }
    return n;
}

/* ---- talking to it --------------------------------------------------------------------------- */

/* A pipe's end as it was when the talk began. Whoever closes the process closes its pipes first, so
 * as long as one is the same *p is there (rule R3), and the number is not another's. */
struct way {
    int fd; /* -1: none */
    uint32_t generation;
};

struct talk {
    hark_process *p;
    struct way in_way, out_way, err_way;
    const void *input;
    size_t size;
    hark_output *out, *err;
};

static uint32_t generation_of(int fd)
{
    const struct hark__fd *entry = fd >= 0 ? hark__fd_peek(hark__here, fd) : NULL;
    return entry ? entry->generation : 0;
}

static struct way way_of(int fd)
{
    return (struct way){.fd = fd, .generation = generation_of(fd)};
}

/* 0, -EBADF. */
static int check_way(const struct way *way)
{
    return generation_of(way->fd) == way->generation
               ? 0
               : hark__io_gone("hark_process_communicate", way->fd);
}

static int feed(void *arg)
{
    const struct talk *talk = arg;
    const struct way *way = &talk->in_way;
    int rc = check_way(way);

    if (!rc && talk->size) {
        rc = hark_write_full(way->fd, talk->input, talk->size, NULL);
    }
    if ((rc == 0 || rc == -EPIPE) && (rc = check_way(way)) == 0) {
        close_pipe(&talk->p->in);
    }
    return rc;
}

static int read_all(const struct way *way, hark_output *output)
{
    ssize_t n;

    do {
        n = check_way(way);
        n = n ? n : read_some(way->fd, output);
    } while (n > 0);
    return (int)n;
}

static int read_out(void *arg)
{
    const struct talk *talk = arg;
    return read_all(&talk->out_way, talk->out);
}

static int read_err(void *arg)
{
    const struct talk *talk = arg;
    return read_all(&talk->err_way, talk->err);
}

/* Each in a task of its own; the last one here. Rule R4. */
static int talk_all(struct talk *talk)
{
    const hark_process *p = talk->p;
    hark_fn *parts[3];
    int count = 0, rc;
    hark_group group;

    talk->in_way = way_of(p->in);
    talk->out_way = way_of(p->out);
    talk->err_way = way_of(p->err);
    if (p->in >= 0) {
        parts[count++] = feed;
    }
    if (p->err >= 0) {
        parts[count++] = read_err;
    }
    if (p->out >= 0) {
        parts[count++] = read_out;
    }
    if (count == 0 || (rc = hark_group_open(&group))) {
        return count ? rc : 0;
    }
    for (int i = 0; i < count - 1 && rc >= 0; i++) {
        rc = (int)hark_go(&group, parts[i], talk);
    }
    return hark_group_close(&group, rc < 0 ? rc : parts[count - 1](talk));
}

static int check_talk(const struct talk *talk, const char *call)
{
    const hark_process *p = talk->p;
    const char *missing = (talk->size || talk->input) && p->in < 0 ? "in"
                          : talk->out && p->out < 0                ? "out"
                          : talk->err && p->err < 0                ? "err"
                                                                   : NULL;

    if (missing) {
        return hark__fail(-EINVAL, call,
                          "process %d (%s) has no pipe for its %s; open it with HARK_PIPE, and "
                          "talk to it once",
                          (int)p->pid, p->name, missing);
    }
    return talk->size && !talk->input ? hark__fail(-EINVAL, call, "the input is NULL") : 0;
}

int hark_process_communicate(hark_process *p, const void *input, size_t size, hark_output *out,
                             hark_output *err)
{
    static const char call[] = "hark_process_communicate";
    struct talk talk = {.p = p, .input = input, .size = size, .out = out, .err = err};
    int error = hark__enter_task(call);

    if (error || (error = check(p, call)) || (error = check_talk(&talk, call))) {
        return error;
    }
    return talk_all(&talk);
}

/* ---- in one call ----------------------------------------------------------------------------- */

static const char run_call[] = "hark_process_run";

static int choose_pipe(int *stream, bool wanted, const char *name, const char *program)
{
    if (*stream == HARK_PIPE && !wanted) {
        return hark__fail(-EINVAL, run_call, "\"%s\": nobody would use the pipe of its %s", program,
                          name);
    }
    if (wanted && *stream != HARK_INHERIT && *stream != HARK_PIPE) {
        return hark__fail(-EINVAL, run_call, "\"%s\": its %s cannot go to us and to something else",
                          program, name);
    }
    *stream = wanted ? HARK_PIPE : *stream;
    return 0;
}

static int check_run(hark_process_options *o, const char *const *argv)
{
    int error = check_options(o, argv, run_call);

    if (error || (error = choose_pipe(&o->in, o->input != NULL, "in", argv[0])) ||
        (error = choose_pipe(&o->out, o->output != NULL, "out", argv[0])) ||
        (error = choose_pipe(&o->err, o->errors != NULL, "err", argv[0]))) {
        return error;
    }
    if (o->input_size && !o->input) {
        return hark__fail(-EINVAL, run_call, "\"%s\": its input is NULL", argv[0]);
    }
    return hark__enter_task(run_call);
}

/* What is in the pipe now: the child has ended. No more than a pipe holds, for somebody else may
 * write to it for ever. */
static void read_rest(int fd, hark_output *output)
{
    struct pollfd poll = {.fd = fd, .events = POLLIN};
    ssize_t left = fd >= 0 ? hark__sys.fcntl_int(fd, F_GETPIPE_SZ, 0) : 0, n = 1;

    for (; left > 0 && n > 0 && hark__sys.poll(&poll, 1, 0) > 0; left -= n) {
        n = read_some(fd, output);
    }
}

/* It was cut short: the child is ended, and may still say something. */
static void cut_short(struct talk *talk)
{
    hark_process *p = talk->p;
    hark_scope shield;
    hark_group readers;

    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_group_open(&readers);
    if (p->out >= 0) {
        hark_go(&readers, read_out, talk);
    }
    if (p->err >= 0) {
        hark_go(&readers, read_err, talk);
    }
    int killed = end_it(p, run_call);
    if (killed > 0) {
        hark__report_line(hark__here->running,
                          "process %d (%s) did not end when it was asked to, and was killed",
                          (int)p->pid, p->name);
    }
    outlive(p, run_call); /* one that may not be killed, too */
    hark_group_cancel(&readers);
    hark_group_close(&readers, 0);
    read_rest(p->out, talk->out);
    read_rest(p->err, talk->err);
    hark_scope_close(&shield, 0);
}

/* The last line or so of what it wrote, fit to stand among words. */
static void put_tail(struct hark__text *text, const hark_output *output)
{
    enum { TAIL = 100 };
    size_t size = output && output->data ? output->size : 0;

    while (size && (unsigned char)output->data[size - 1] <= ' ') {
        size--;
    }
    size_t from = size > TAIL ? size - TAIL : 0;
    for (size_t i = from; i < size; i++) {
        unsigned char c = (unsigned char)output->data[i];
        hark__text_put(text, "%s%c", i == from ? ": " : "", c < ' ' || c == 127 ? ' ' : c);
    }
}

static int check_status(const hark_process *p, const hark_process_options *o)
{
    char bytes[128];
    struct hark__text text;
    int status = p->status;

    if (!o->check || status == 0) {
        return 0;
    }
    hark__text_to_string(&text, bytes, sizeof bytes);
    put_tail(&text, o->errors && o->errors->size ? o->errors : o->output);
    return hark__fail(-EREMOTEIO, run_call, "\"%s\" %s %d%s", p->name,
                      WIFSIGNALED(status) ? "was ended by signal" : "exited with",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), bytes);
}

int hark_process_run(const hark_process_options *options, const char *const *argv, int *status)
{
    hark_process_options o = options ? *options : plain;
    hark_process p;
    int rc = check_run(&o, argv);

    if (rc || (rc = open_process(&p, &o, argv, run_call))) {
        return rc;
    }
    struct talk talk = {
        .p = &p, .input = o.input, .size = o.input_size, .out = o.output, .err = o.errors};
    rc = talk_all(&talk);
    rc = rc ? rc : hark_process_wait(&p, NULL);
    if (rc && p.child) {
        cut_short(&talk);
    }
    hark_process_close(&p);
    if (p.state == ENDED && status) {
        *status = p.status;
    }
    return rc ? rc : check_status(&p, &o);
}
