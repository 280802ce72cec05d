/* SPDX-License-Identifier: MIT
 *
 * hark.h - everything, in reading order.
 *
 * hark: tasks that listen. Structured concurrency for C on Linux: straight-line tasks on small
 * guarded stacks, groups that wait for them, scopes that cancel them and carry deadlines, and
 * events of three kinds that they wait for.
 *
 * What holds everywhere:
 *
 *   Results      0 (or a count, an index, an id > 0) on success, -errno on failure. errno is not
 *                the contract. hark_error_last() says in words what happened; -EAGAIN and
 *                -ECANCELED record none.
 *   Time         int64_t nanoseconds. A "timeout" is a duration, a "deadline" an instant of
 *                hark_now(). A deadline takes effect when the loop next polls; a timeout <= 0 is
 *                over at once.
 *   Memory       Primitives are structs that the caller owns. All zero is a valid initial state
 *                where an init needs no argument, and HARK_X_INIT says the same. They never
 *                allocate unless a line says so.
 *   Binding      A primitive belongs to the loop of the first task that uses it, and when that loop
 *                is gone may be used by another. From a foreign loop or a bare thread: -EXDEV. A
 *                blocking call outside any task: -ENOTSUP.
 *   Checkpoints  A call that blocks is a checkpoint: in a cancelled scope it returns -ECANCELED
 *                without effect, and keeps doing so until the scope is closed. If it was waiting
 *                already, whichever came first wins: a wake-up that was given is kept, and the
 *                cancellation shows at the next checkpoint.
 *   Order        First come, first served. What is given is handed over directly; nobody barges in.
 *   Misuse       NULL, closed, out of order, not the owner: a code and words, and nothing changed.
 */
#ifndef HARK_H
#define HARK_H

#include <hark/base.h>
#include <hark/time.h>
#include <hark/run.h>
#include <hark/loop.h>
#include <hark/scope.h>
#include <hark/group.h>
#include <hark/local.h>
#include <hark/event.h>
#include <hark/flag.h>
#include <hark/future.h>
#include <hark/lock.h>
#include <hark/cond.h>
#include <hark/rwlock.h>
#include <hark/sem.h>
#include <hark/limiter.h>
#include <hark/barrier.h>
#include <hark/latch.h>
#include <hark/once.h>
#include <hark/broadcast.h>
#include <hark/watch.h>
#include <hark/thread.h>
#include <hark/workers.h>
#include <hark/link.h>
#include <hark/promise.h>
#include <hark/portal.h>
#include <hark/chan.h>
#include <hark/queue.h>
#include <hark/select.h>
#include <hark/signal.h>
#include <hark/child.h>
#include <hark/process.h>
#include <hark/pool.h>
#include <hark/resources.h>
#include <hark/retry.h>
#include <hark/io.h>
#include <hark/file.h>
#include <hark/dir.h>
#include <hark/notify.h>
#include <hark/stream.h>
#include <hark/udp.h>
#include <hark/pass.h>
#include <hark/serve.h>
#include <hark/name.h>
#include <hark/error.h>
#include <hark/dump.h>
#include <hark/lint.h>
#include <hark/about.h>

#endif
