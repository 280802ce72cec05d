/* SPDX-License-Identifier: MIT
 *
 * hark/about.h - what this library is, and what this machine gives it: for `hark doctor`, logs and
 * bug reports.
 */
#ifndef HARK_ABOUT_H
#define HARK_ABOUT_H

#include <hark/base.h>

HARK_BEGIN

/* hark_version - the library's version, such as "0.1.0": of the one that was loaded, not of the
 * headers. Anywhere. Does not block. Returns the text. */
HARK_API const char *hark_version(void);

/* hark_guard - what stands below tasks' stacks: "MADV_GUARD_INSTALL" (any number, for nothing: Linux
 * 6.13), "mprotect" (as many as there may be mappings, then canaries) or "canary" (an overflow is
 * seen when the task ends, if the program lives until then).
 *
 * Anywhere; tries it out when first called. $HARK_GUARD may ask for less. */
HARK_API const char *hark_guard(void);

/* hark_hub - the hub of this thread's loop: "uring", "epoll", "poll", "select"; "" without a loop.
 * Does not block. */
HARK_API const char *hark_hub(void);

/* hark_debug_table - what debuggers read (tools/hark-gdb.py): names of facts about the library's
 * insides and their values. Not for programs. */
struct hark_debug_table {
    char magic[12]; /* "hark facts" */
    uint32_t version;
    const struct hark__fact *const *first, *const *end;
};
extern HARK_API const struct hark_debug_table hark_debug_table;

HARK_END
#endif
