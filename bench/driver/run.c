/* SPDX-License-Identifier: MIT
 *
 * run.c - one program in a process of its own, on one processor, with a time limit.
 *
 * Rules
 *   1  The program's answers come on stdout; the last line of its stderr is why it failed.
 *   2  Only what was started here is ever signalled, and it dies with the driver.
 *   3  A program that is out of time is killed, with all that it has started (each program is a
 *      process group), and that is its answer.
 *   4  Interrupted (Ctrl-C, TERM, HUP), the driver ends what it has started and closes its
 *      documents; a second one ends it at once.
 *   5  When memory runs out the kernel takes the program, not a bystander: a million tasks are some
 *      4 GiB, and with some peers four times that.
 */
#include "driver.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LEFT_OUT 77

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static volatile sig_atomic_t signals;

static void note_signal(int signal)
{
    (void)signal;
    signals++;
}

bool interrupted(void)
{
    return signals != 0;
}

void interrupts_take(void)
{
    struct sigaction a = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
    sigaction(SIGHUP, &a, NULL);
    signal(SIGPIPE, SIG_IGN); /* a reader that left is an error of writing */
}

static void interrupts_as_usual(void)
{
    static const int all[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    for (int i = 0; i < COUNT(all); i++)
        signal(all[i], SIG_DFL);
}

/* Where it is not allowed, it runs unpinned: the figures then show it by their spread. */
void pin(int processor, const int *also)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (also)
        CPU_SET(*also, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void be_first_to_go(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, "1000", 4) == 4)
        close(fd);
}

static void child(const command *c, int out, int err)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    interrupts_as_usual();
    be_first_to_go();
    pin(c->processor, c->also);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    if (c->hub)
        setenv("HARK_HUB", c->hub, 1);
    else
        unsetenv("HARK_HUB");
    if (c->quick)
        setenv("BENCH_SHORT", "1", 1);
    else
        unsetenv("BENCH_SHORT");
    execvp(c->argv[0], c->argv);
    fprintf(stderr, "cannot start %s: %s\n", c->argv[0], strerror(errno));
    _exit(127);
}

/* stderr goes to a file without a name: who says much is not stopped by a full pipe. */
void process_start(process *p, const command *c)
{
    int out[2];
    FILE *err = tmpfile();
    if (pipe2(out, O_CLOEXEC) != 0 || !err) {
        perror("bench: pipe2, tmpfile");
        exit(1);
    }
    p->began = now_ns();
    p->until = p->began + (int64_t)(c->seconds * 1e9);
    p->pid = fork();
    if (p->pid < 0) {
        perror("bench: fork");
        exit(1);
    }
    if (p->pid == 0)
        child(c, out[1], fileno(err));
    setpgid(p->pid, p->pid); /* whoever of the two comes first */
    close(out[1]);
    p->out = out[0];
    p->err = dup(fileno(err));
    fclose(err);
}

/* Byte by byte: a run says a dozen lines. */
int process_line(process *p, char *line, size_t size)
{
    size_t n = 0;
    for (;;) {
        struct pollfd ready = {.fd = p->out, .events = POLLIN};
        int64_t left = (p->until - now_ns()) / 1000000;
        char c;
        if (interrupted() || left <= 0 || poll(&ready, 1, (int)left) <= 0)
            return -1;
        ssize_t got = read(p->out, &c, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return n > 0 ? (line[n] = 0, 1) : 0;
        if (c == '\n') {
            line[n] = 0;
            return 1;
        }
        if (n + 1 < size)
            line[n++] = c;
    }
}

static void last_words(process *p, char *words, size_t size)
{
    char text[4096];
    off_t end = lseek(p->err, 0, SEEK_END);
    off_t from = end > (off_t)sizeof text - 1 ? end - (off_t)sizeof text + 1 : 0;
    ssize_t n = pread(p->err, text, sizeof text - 1, from);
    if (n <= 0)
        return;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    text[n] = 0;
    char *last = strrchr(text, '\n');
    snprintf(words, size, "%.*s", (int)size - 1, last ? last + 1 : text);
}

void process_end(process *p, result *r, bool stop)
{
    int status;
    char words[200] = "";
    if (stop)
        kill(-p->pid, SIGKILL);
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    r->seconds = (now_ns() - p->began) / 1e9;
    kill(-p->pid, SIGKILL); /* what it has left behind */
    last_words(p, words, sizeof words);
    close(p->out);
    close(p->err);
    if (stop)
        return;
    r->ok = WIFEXITED(status) && WEXITSTATUS(status) == 0 && r->count > 0;
    r->skipped = WIFEXITED(status) && WEXITSTATUS(status) == LEFT_OUT;
    if (r->ok || r->why[0])
        return;
    if (WIFSIGNALED(status))
        snprintf(r->why, sizeof r->why, "%s%s%s%s", strsignal(WTERMSIG(status)),
                 WTERMSIG(status) == SIGKILL ? " (memory ran out?)" : "", words[0] ? ": " : "",
                 words);
    else if (WEXITSTATUS(status) == 0)
        snprintf(r->why, sizeof r->why, "it says nothing that is an answer%s%s",
                 words[0] ? ": " : "", words);
    else
        snprintf(r->why, sizeof r->why, "exit status %d%s%s", WEXITSTATUS(status),
                 words[0] ? ": " : "", words);
}

void answer_add(result *r, const char *key, double value, const char *unit)
{
    if (r->count == COUNT(r->answers))
        return;
    answer *a = &r->answers[r->count++];
    snprintf(a->key, sizeof a->key, "%s", key);
    snprintf(a->unit, sizeof a->unit, "%s", strcmp(unit, "-") == 0 ? "" : unit);
    a->value = value;
}

void answer_take(result *r, const char *line)
{
    char key[32], unit[12];
    double value;
    if (strncmp(line, "skip ", 5) == 0)
        snprintf(r->why, sizeof r->why, "%s", line + 5);
    else if (sscanf(line, "%31s %lf %11s", key, &value, unit) == 3 && isfinite(value))
        answer_add(r, key, value, unit);
}

void run_program(const command *c, result *r)
{
    process p;
    char line[512];
    int more;
    memset(r, 0, sizeof *r);
    process_start(&p, c);
    while ((more = process_line(&p, line, sizeof line)) > 0)
        answer_take(r, line);
    if (more < 0)
        snprintf(r->why, sizeof r->why, "not done after %.0f s", c->seconds);
    process_end(&p, r, more < 0);
}

/* Has it ended by itself, or is it about to? Its sockets are closed a little before. */
static bool has_ended(pid_t pid)
{
    siginfo_t how = {.si_pid = 0};
    for (int i = 0; i < 50 && how.si_pid == 0; i++) {
        if (waitid(P_PID, (id_t)pid, &how, WEXITED | WNOHANG | WNOWAIT) != 0)
            return false;
        if (how.si_pid == 0)
            usleep(2000);
    }
    return how.si_pid != 0;
}

void run_server(const command *c, const talk *t, int connections, bool quick, result *r)
{
    process p;
    char line[512];
    int port = 0;
    memset(r, 0, sizeof *r);
    process_start(&p, c);
    while (port == 0 && process_line(&p, line, sizeof line) > 0)
        if (sscanf(line, "port %d", &port) != 1)
            answer_take(r, line);
    if (port == 0) { /* it has ended, with a reason, or says nothing */
        bool late = now_ns() >= p.until;
        if (late)
            snprintf(r->why, sizeof r->why, "no port told after %.0f s", c->seconds);
        process_end(&p, r, late);
        r->ok = false;
        return;
    }
    load l = {.talk = t, .port = port, .connections = connections, .server = p.pid};
    l.warm = (quick ? 50000000 : 300000000) + connections * 100000;
    l.measured = (quick ? 200000000 : 1000000000) + connections * 200000;
    load_run(&l, r);
    bool good = r->why[0] == 0, ended = !good && has_ended(p.pid);
    if (ended)
        r->why[0] = 0; /* how it ended says more than what its clients have seen */
    process_end(&p, r, !ended);
    r->ok = good;
}
