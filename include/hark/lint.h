/* SPDX-License-Identifier: MIT
 *
 * hark/lint.h - what hark says unasked of a program that is not wrong, but probably not what was
 * meant.
 *
 * "ignored": a task that was cancelled has ignored -ECANCELED 256 times. "late": a task that was
 * cancelled more than 10 s ago goes on; for what it waits, who cancelled it, its calls; once a task.
 * "shield": a cancellation has waited outside a shielded scope for more than 10 s; once a scope.
 * "future": a future failed, and nobody has looked at it. "descriptor": somebody waits for a
 * descriptor that was closed behind hark's back. These are on; this one is off: "stack": a task has
 * used more than 80 % of its stack; how much, and the size to ask for; once a spawn site.
 *
 * Each is one line on stderr, which ends with its name, and sometimes the task's calls below it. The
 * environment switches, too, before the first loop: HARK_LINT="-shield,stack" turns one off and
 * another on. Seconds are the real clock's: late and shield say nothing in a loop with a virtual one.
 */
#ifndef HARK_LINT_H
#define HARK_LINT_H

#include <hark/base.h>

HARK_BEGIN

/* hark_lint - from now on this lint speaks, or is silent, in all loops of the process.
 *
 * `stack` costs each task that begins some hundred nanoseconds and one page more of its stack; the
 * others cost nothing until there is something to tell. Never blocks. Any thread. Returns 0;
 * -EINVAL (NULL, or no lint's name; the words list them). */
HARK_API int hark_lint(const char *name, bool on);

HARK_END
#endif
