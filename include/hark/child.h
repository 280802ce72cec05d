/* SPDX-License-Identifier: MIT
 *
 * hark/child.h - the end of a child process.
 *
 * Whoever made the child (fork, posix_spawn, a library), its end can be waited for like anything
 * else: without holding up the loop, with a deadline, in a select. Nothing but the child that is
 * named is ever reaped, and that one only when its status was told to somebody.
 */
#ifndef HARK_CHILD_H
#define HARK_CHILD_H

#include <hark/base.h>
#include <hark/select.h>
#include <sys/types.h>

HARK_BEGIN

/* hark_child_wait - wait until the child `pid` has ended, and reap it. *status gets what waitpid
 * would say: see WIFEXITED and its like; NULL is fine.
 *
 * Any number of tasks of a loop may wait for one child: it is reaped once, and all of them are told.
 * While somebody waits, a virtual clock stands still. Where the kernel has no pidfd_open, SIGCHLD
 * is heard meanwhile (hark/signal.h).
 * Blocks: a checkpoint. Allocates. Returns 0; -ECANCELED (not reaped: it can be waited for again);
 * -ECHILD (no child of this process; or it has ended and its status is lost, for somebody else has
 * reaped it, or SIGCHLD is ignored); -EINVAL (pid <= 0); -EBUSY (SIGCHLD is needed and taken by
 * hark_cancel_on or hark_dump_on); -ENOMEM, -EMFILE; -ENOTSUP outside a task. Source:
 * asyncio.subprocess.Process.wait. */
HARK_API int hark_child_wait(pid_t pid, int *status);

/* hark_on_child - a case of hark_select: as hark_child_wait. The child is reaped if and only if
 * this case happens, or somebody else waits for it. The case's result is 0 or -ECHILD. */
HARK_API hark_case hark_on_child(pid_t pid, int *status);

HARK_END
#endif
