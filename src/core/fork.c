/* SPDX-License-Identifier: MIT
 *
 * fork.c - what a child that was forked does with its parent's loops.
 *
 * Idea     A fork copies memory and shares descriptors: the child has a picture of each loop, and
 *          the very same ring, epoll, post box and timer. So nothing in the child may use them: a
 *          task that went on there would read what the parent's is waiting for, and a descriptor
 *          taken out of the shared epoll would be out of the parent's. A child therefore begins
 *          with no loop at all, may open loops of its own at once, and is kept from going back into
 *          an inherited one.
 *
 *              fork:              living loops --> inherited, shut for posts; this thread has none
 *              hark_after_fork:   inherited --> their descriptors closed, mappings undone
 *              return to a loop:  the process stops, and says why
 *
 * Rules    K1  Of what is shared nothing is changed: no epoll_ctl, no submission, no write. Closing
 *              and unmapping are the child's own affairs.
 *          K2  Inside a loop nobody returns in a child: neither a task's function nor a callback.
 *          K3  What another thread owned may have been in the middle of a change: only descriptors
 *              of loops that were whole are closed. The child may stand on a stack of a loop that
 *              ran: its memory stays. The memory of a loop that rested in the forking thread goes.
 * Not here Locks and lists that all threads share (run.c, roster.c, fiber); signals (signal.c);
 *          worker threads (thread.c).
 */
#include "core/core.h"

void hark__fork_death(hark__task *task)
{
    hark__report_death(
        task,
        task ? "has returned in a process that was forked from its loop's; there end with _exit, or become another program with exec"
             : "a callback has returned in a process that was forked from its loop's; there end with _exit, or become another program with exec");
}

/* Those that the library has opened for itself, such as a child's pidfd. */
static void close_own(hark_loop *loop)
{
    for (const struct hark__fd *entry = NULL; (entry = hark__fd_next(loop, entry));) {
        if (entry->own) {
            hark__sys.close(entry->fd);
        }
    }
}

static void abandon_hub(hark__hub *hub, bool whole)
{
    if (hub->class->abandon) {
        hub->class->abandon(hub, whole);
    } else if (whole) {
        hub->class->close(hub);
    }
}

/* Rules K1 and K3. */
static void abandon(hark_loop *loop)
{
    bool ours = pthread_equal(loop->thread, pthread_self()), rested = ours && !loop->runs;

    if (loop->alarm >= 0) {
        hark__sys.close(loop->alarm);
    }
    if (ours) {
        close_own(loop);
    }
    if (!planted(forked_child_keeps_the_box)) {
        hark__inbox_abandon(loop);
    }
    abandon_hub(loop->hub, rested);
    if (rested) {
        hark__loop_free_parts(loop);
    }
}

int hark_after_fork(void)
{
    hark_loop *next;

    for (hark_loop *loop = hark__loops_disown(); loop; loop = next) {
        next = loop->next_alive;
        if (loop->opened || pthread_equal(loop->thread, pthread_self())) {
            abandon(loop);
        }
    }
    return 0;
}
