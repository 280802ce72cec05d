/* SPDX-License-Identifier: MIT
 *
 * audit.h - what the two halves of the audit share: audit.c walks tasks and levels, audit_lists.c
 * what they stand in.
 */
#ifndef HARK_CORE_AUDIT_H
#define HARK_CORE_AUDIT_H

#include "core/core.h"

struct hark__audit {
    hark_loop *loop;
    struct hark__text *text;
    int broken;
    bool at_rest;

    /* Counted from both ends; what must be equal stands together. */
    uint32_t living, rooted, children;
    uint32_t waiters, listed; /* shown by tasks; found in the lists that these name */
    uint32_t joiners, joined;
    uint32_t fd_waiters, fd_listed;
    uint32_t timers, wheeled;   /* shown by their owners; found in the wheel, but for watches' */
    uint32_t fd_queued, fd_ran; /* readers and writers in the ring; said so by their descriptors */
    uint32_t holds;
    uint32_t promises; /* tasks, watches and empty entries that were found */
};

/* A rule of the loop is broken, by nobody in particular. */
void hark__audit_loop_broken(struct hark__audit *audit, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* May it be looked at? A record that lives. */
bool hark__audit_is_task(const struct hark__audit *audit, const void *pointer);

void hark__audit_ring(struct hark__audit *audit);
bool hark__audit_in_ring(const struct hark__audit *audit, const hark__task *task);
void hark__audit_root_list(struct hark__audit *audit, const struct hark_waitlist *list,
                           const char *what);
void hark__audit_wheel(struct hark__audit *audit);
void hark__audit_fds(struct hark__audit *audit);

#endif
