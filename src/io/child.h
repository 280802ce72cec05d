/* SPDX-License-Identifier: MIT
 *
 * child.h - what child.c and those that make children (process.c, spawn.c) share.
 *
 * Idea     A child has one record in its loop, whoever waits for it. That of a process (hark/process.h)
 *          is there from its birth to its end, so that nothing that ends it needs memory; any other
 *          only while somebody waits. When the child is reaped, by whomever in this loop, the
 *          process is told first, then all who wait, and the record goes.
 */
#ifndef HARK_IO_CHILD_H
#define HARK_IO_CHILD_H

#include <hark/process.h>
#include <hark/signal.h>

#include "io/io.h"

enum hark__child_news { NEWS_NONE, NEWS_DESCRIPTOR, NEWS_SIGNAL };

struct hark__child {
    struct hark__child *next;
    pid_t pid;
    int fd;                    /* of the process; -1: none yet, or none to be had */
    enum hark__child_news how; /* we are told of its end */
    bool told;                 /* it is being told: who tells ends it */
    bool sweeps;               /* what is left of its process group is killed before it is reaped */
    int loose;                 /* > 0: who waits does not hold the loop */
    hark_process *process;     /* NULL: none; there as long as somebody waits */
    struct hark_waitlist waiters; /* offers: the item is the place for the status */
    hark_watch watch;             /* of the descriptor, or of the signal */
    hark_watch soon;
    hark_signal signal;
};

/* ---- child.c --------------------------------------------------------------------------------- */

/* For a child to be; NULL: no memory. It is born, or freed. */
struct hark__child *hark__child_new(hark_process *p);
void hark__child_born(hark_loop *loop, struct hark__child *child, pid_t pid);
void hark__child_free(struct hark__child *child);

/* Has it ended? Then it is reaped, all are told, and the record is gone. */
bool hark__child_look(struct hark__child *child);
/* Is it there, alive or not yet reaped? Only then its number is nobody else's. */
bool hark__child_is_ours(const struct hark__child *child);
/* Until it has ended; *status is written by whoever reaps it. No checkpoint of its own. 0, -ECHILD;
 * -ECANCELED; or there is no way to be told: -EBUSY, -ENOMEM, ... */
int hark__child_wait(struct hark__child *child, int *status, const char *call);
/* The same, but it cannot be cancelled: for a child that was killed. */
int hark__child_outlive(struct hark__child *child, const char *call);
/* From now on, or no longer, who waits holds the loop: a virtual clock goes on. */
void hark__child_loosen(struct hark__child *child, bool loose);
int hark__child_lost(int error, pid_t pid, const char *call); /* -ECHILD: says so */

/* A case of a select. */
int hark__child_join(hark_loop *loop, struct hark__child *child, struct hark_waiter *waiter);
void hark__child_leave(hark_loop *loop, struct hark_waiter *waiter);

/* ---- process.c ------------------------------------------------------------------------------- */

void hark__process_told(hark_process *p, int result, int status); /* it was reaped */

/* ---- spawn.c --------------------------------------------------------------------------------- */

/* A child runs; pipes[] are our ends, or -1. 0, or a code and words, and nothing runs. */
int hark__spawn(pid_t *pid, int pipes[3], const hark_process_options *options,
                const char *const *argv, const char *call);

#endif
