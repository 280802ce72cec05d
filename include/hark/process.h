/* SPDX-License-Identifier: MIT
 *
 * hark/process.h - other programs as children of ours.
 *
 *     const char *const argv[] = {"sort", "-n", NULL};
 *     hark_output sorted = HARK_OUTPUT_INIT;
 *     hark_process_options how = {.size = sizeof how, .input = text, .input_size = length,
 *                                 .output = &sorted, .check = true};
 *     int rc = hark_process_run(&how, argv, NULL);
 *
 * No shell ever reads the arguments. A process that was opened must be closed, as a descriptor:
 * by then it has ended and was reaped, whatever else happened. hark_process_run does all of it
 * in one call, and a cancelled scope around it ends the child and leaves nothing behind.
 *
 * What a child begins with: descriptors 0, 1 and 2 and those that were asked for, no others; no
 * blocked signals, and no ignored ones either (SIGPIPE, which a loop ignores, ends it as usual).
 * If we have no descriptor 0, 1 or 2, it gets /dev/null for that: else it would take the first
 * file that it opens for its standard input.
 */
#ifndef HARK_PROCESS_H
#define HARK_PROCESS_H

#include <hark/base.h>
#include <hark/select.h>
#include <sys/types.h>

HARK_BEGIN

/* What a child has as its descriptors 0, 1 and 2; any positive number: that descriptor of ours. */
enum hark_process_stream {
    HARK_INHERIT = 0, /* what we have there */
    HARK_PIPE = -1,   /* a pipe to us: hark_process.in, .out, .err */
    HARK_NULL = -2,   /* /dev/null */
    HARK_TO_OUT = -3, /* err only: where out goes */
};

/* One more descriptor of a child. */
typedef struct hark_process_fd {
    int child; /* its number there; 0, 1 and 2 too, if they are HARK_INHERIT */
    int ours;
} hark_process_fd;

/* What was read: a text of `size` bytes, and a zero byte behind it. All zero is an empty one. */
typedef struct hark_output {
    char *data;  /* NULL: nothing was ever read into it */
    size_t size; /* bytes */
    size_t max;  /* at most so many are kept; 0: any number */
    size_t lost; /* how many came after that, and were thrown away */
    /* private */
    size_t room;
} hark_output;
#define HARK_OUTPUT_INIT \
    { \
        NULL, 0, 0, 0, 0 \
    }

struct hark__child;

typedef struct hark_process {
    /* Our ends of its pipes, non-blocking and close-on-exec; -1: none. For hark_read and
     * hark_write. One that is closed, or that somebody else is to close, must be set to -1. */
    int in, out, err;
    pid_t pid;
    /* private */
    int state, status, end_signal;
    bool many; /* signals go to its process group */
    int64_t grace;
    int (*end)(struct hark_process *p, void *arg);
    void *end_arg;
    struct hark__child *child; /* until it is reaped */
    char name[32];             /* for the words */
} hark_process;

/* How a program is run. All zero, but for `size`, is the default. */
typedef struct hark_process_options {
    size_t size;         /* sizeof(hark_process_options) */
    const char *program; /* what is run, if not argv[0] */
    /* "NAME=value" and NULL; NULL: ours. The program is looked for in our PATH in any case. */
    const char *const *environment;
    const char *directory;      /* where it begins; NULL: in ours */
    int in, out, err;           /* HARK_INHERIT, HARK_PIPE, ..., or a descriptor */
    const hark_process_fd *fds; /* more descriptors */
    size_t fd_count;
    bool keep_others; /* what is open here and not close-on-exec stays open in the child */
    bool group;       /* it leads a process group of its own, and signals go to all of that */
    bool session;     /* it leads a session of its own, without a terminal; includes group */
    /* How it is asked to end, and how long it has for that before it is killed. */
    int end_signal; /* 0: SIGTERM */
    int64_t grace;  /* ns; 0: 5 s; HARK_FOREVER: it is never killed for being slow */
    /* Instead of the signal: anything that makes it end, such as a word into its input. It is
     * called in a shielded scope with the grace as its deadline; if it returns a negative code
     * the child is killed at once. */
    int (*end)(hark_process *p, void *arg);
    void *end_arg;
    /* Of hark_process_run only. */
    const void *input; /* what it reads as its standard input, which then ends */
    size_t input_size;
    hark_output *output, *errors; /* what it writes */
    bool check;                   /* anything but an exit with 0 is a failure */
} hark_process_options;

/* hark_process_open - run the program argv[0] (with a slash: that file; without: looked for in
 * PATH) with the arguments argv, which ends with NULL. `options` may be NULL. What *p held
 * before does not matter; it must stay where it is until it is closed.
 *
 * A relative name counts from the child's directory. The loop stands still until the kernel has
 * loaded the program: about a millisecond, unless the file system of the program or of the
 * directory does not answer.
 *
 * Blocks: a checkpoint. Allocates. Returns 0; -ECANCELED (nothing runs); -ENOENT, -EACCES (no
 * such program or directory, or it may not be run), -ENOEXEC (neither a program nor a script
 * with #!), -E2BIG (too many arguments) and whatever else execve says: nothing runs, and the
 * words name the program; -EBADF (a descriptor that is not open); -EINVAL (options that
 * contradict one another, an empty argv); -EAGAIN (too many processes); -EMFILE, -ENFILE,
 * -ENOMEM; -ENOTSUP outside a task. Source: trio.lowlevel.open_process,
 * asyncio.create_subprocess_exec. */
HARK_API int hark_process_open(hark_process *p, const hark_process_options *options,
                               const char *const *argv);

/* hark_process_wait - wait until it has ended, whatever becomes of its pipes. *status (may be
 * NULL) gets what waitpid would say: see WIFEXITED and its like.
 *
 * Any number of tasks, as often as they like, also after hark_process_close. Blocks: a
 * checkpoint. Returns 0; -ECANCELED (it runs on); -ECHILD (it has ended and its status is lost,
 * for somebody else has reaped it, or SIGCHLD is ignored); -EINVAL (NULL, never opened); -EBUSY,
 * -ENOMEM as hark_child_wait; -ENOTSUP outside a task; -EXDEV. Source: trio.Process.wait. */
HARK_API int hark_process_wait(hark_process *p, int *status);

/* hark_process_ended - has it ended? Then it is reaped now, and all who wait are told.
 *
 * Never blocks. Thread: the loop's own. Returns 1 (hark_process_wait will not wait); 0; -EINVAL
 * (NULL, never opened); -EXDEV. Source: trio.Process.returncode. */
HARK_API int hark_process_ended(hark_process *p);

/* hark_on_process - a case of hark_select: it has ended; hark_process_wait says how. Its result
 * is 0, or -ECHILD as there. */
HARK_API hark_case hark_on_process(hark_process *p);

/* hark_process_signal - send it a signal; with `group`, to all of its process group.
 *
 * Never blocks. No other process is ever hit: one that was reaped, by whomever, is not signalled
 * any more. Thread: the loop's own. Returns 0; -ESRCH (it has ended and was reaped); -EPERM (it
 * runs as somebody else); -EINVAL (NULL, never opened, no such signal); -EXDEV. */
HARK_API int hark_process_signal(hark_process *p, int signo);

/* hark_process_end - ask it to end (end_signal, and SIGCONT if it is stopped), and when the
 * grace is over, kill it; wait until it has ended, and reap it. With `group` what is left of the
 * group is killed when its leader has ended. Its pipes stay open.
 *
 * Waits even in a cancelled scope, and is no checkpoint. Under a virtual clock the grace is
 * virtual as well. Returns 0 (it has ended by itself, also long ago); 1 (it had to be killed);
 * -EPERM (it runs as somebody else, and runs on); -EINVAL (NULL, never opened); -ENOTSUP outside
 * a task; -EXDEV. Source: trio.run_process's deliver_cancel. */
HARK_API int hark_process_end(hark_process *p);

/* hark_process_close - close our ends of its pipes (whoever waits there gets -EBADF); if it runs,
 * kill it, at once, and wait until it has ended: it is reaped then, and all who wait were told.
 * With `group`, all of the group is killed.
 *
 * Waits even in a cancelled scope, and is no checkpoint. Each process that was opened must be
 * closed before the task that keeps it returns. Returns 0, also when it was closed before;
 * -EPERM (it runs as somebody else, so it may not be killed: wait for its end, then close it
 * again); -EINVAL (NULL, never opened); -ENOTSUP outside a task; -EXDEV. Source: anyio's
 * Process.aclose. */
HARK_API int hark_process_close(hark_process *p);

/* hark_process_communicate - write all of `input` to its standard input and close that; meanwhile
 * append what it writes to *out and *err, until both have ended. NULL: that is read and thrown
 * away.
 *
 * All at once, so that no full pipe stops another. A child that does not read to the end is no
 * failure. It does not wait for the end of the process, but for that of its pipes: whoever has
 * inherited them, such as a grandchild in the background, keeps them open.
 * Blocks: a checkpoint. Allocates. Returns 0; -ECANCELED (what was read is in *out and *err; how
 * much of the input was taken is not told, and its standard input stays open); -EINVAL (input,
 * out or err without a pipe for it; NULL; never opened); -ENOMEM; -EBUSY (another task reads or
 * writes there); -EBADF (closed meanwhile); -ENOTSUP outside a task. Source: Popen.communicate. */
HARK_API int hark_process_communicate(hark_process *p, const void *input, size_t size,
                                      hark_output *out, hark_output *err);

/* hark_process_run - run a program to its end: hark_process_open, _communicate, _wait and _close
 * in one. options.input, output and errors need no HARK_PIPE; a pipe that nobody would read is
 * refused. *status (may be NULL) gets what waitpid would say, whenever a child has ended.
 *
 * When it is cancelled, or fails, the child is ended as by hark_process_end, which is waited
 * for; what it writes meanwhile is read still. If it had to be killed, a line on stderr says so.
 * Blocks: a checkpoint. Allocates. Returns 0; -ECANCELED (the child has ended and was reaped;
 * *output and *errors have what was read); -EREMOTEIO (`check`, and it has not exited with 0:
 * the words have the end of what it wrote); -ECHILD (its status is lost); otherwise as
 * hark_process_open and hark_process_communicate. Source: trio.run_process, subprocess.run. */
HARK_API int hark_process_run(const hark_process_options *options, const char *const *argv,
                              int *status);

/* hark_output_free - give its memory back; it is empty then, and may be used again. NULL is
 * fine. */
HARK_API void hark_output_free(hark_output *output);

HARK_END
#endif
