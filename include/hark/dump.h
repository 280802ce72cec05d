/* SPDX-License-Identifier: MIT
 *
 * hark/dump.h - the tree of living tasks.
 */
#ifndef HARK_DUMP_H
#define HARK_DUMP_H

#include <hark/base.h>
#include <stdio.h>

HARK_BEGIN

/* hark_dump - print the tree of this loop's living tasks: id, name, spawn site, what each waits for
 * and since when. Never blocks. Outside a loop it says so. */
HARK_API void hark_dump(FILE *out);

/* hark_dump_on - the same on stderr whenever the signal comes, also while the loop is stuck in a
 * task that never gives way. Call it in a task; it lasts until the run ends. With SIGSEGV, SIGBUS,
 * SIGFPE, SIGILL, SIGTRAP or SIGSYS a program that crashes says where its tasks are: it prints
 * once, and then the signal has its default action.
 *
 * Returns 0; -EINVAL (not a signal that can be caught); -ENOTSUP outside a task; -EBUSY (another
 * loop has it). */
HARK_API int hark_dump_on(int signo);

HARK_END
#endif
