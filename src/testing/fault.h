/* SPDX-License-Identifier: MIT
 *
 * fault.h - one failure at a chosen place: what allocations, system calls and hubs may do to us.
 *
 * A run without a fault counts the places, from 0; a run with one is the same up to its place, and
 * there the fault is put in. So every place and every variant are two loops around a scenario:
 *
 *     hark__fault_install();
 *     hark__fault_begin(NULL); run(); hark__fault_end();
 *     for place < hark__fault_places(kind), for variant < hark__fault_variants(kind, place)
 *         hark__fault_begin(&fault); run(); hark__fault_end();
 *
 *     MEMORY     place: an allocation (heap or anonymous mapping); it fails, or it and all later
 *                ones
 *     SYSTEM     place: a system call that can fail for reasons outside of the program; variant: an
 *                error that its manual names
 *     SHORT      one place: in the whole run, what reads or writes a stream moves one byte at a
 *                time, or half of what was asked
 *     INTERRUPT  one place: in the whole run, each interruptible call answers EINTR every second
 *                time, beginning with the first
 *     SPURIOUS   place: a hub's wait; it ends by EINTR, or with nothing, without having waited. Or,
 *                under a hub that does not last, a call that does not block: EAGAIN, although it
 *                need not
 *     LATE       place: a hub's look that does not wait; it sees nothing, whatever is there
 */
#ifndef HARK_TESTING_FAULT_H
#define HARK_TESTING_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum hark__fault_kind {
    HARK__FAULT_NONE,
    HARK__FAULT_MEMORY,
    HARK__FAULT_SYSTEM,
    HARK__FAULT_SHORT,
    HARK__FAULT_INTERRUPT,
    HARK__FAULT_SPURIOUS,
    HARK__FAULT_LATE,
    /* The explorer's own (sweep.c); to fault.c they are no fault. */
    HARK__FAULT_CANCEL,
    HARK__FAULT_STOP,
};
enum { HARK__FAULT_KINDS = HARK__FAULT_LATE + 1, HARK__FAULT_PLACES_MOST = 65536 };

struct hark__fault {
    enum hark__fault_kind kind;
    uint32_t place, variant;
};

/* Wraps hark__sys and hark__memory as they are at this moment; uninstall puts those back. While no
 * other thread uses them. 0; -EBUSY: it is done already; -ENOMEM. */
int hark__fault_install(void);
void hark__fault_uninstall(void);

/* From here on the calls of this thread count, beginning with 0, and the fault is armed; NULL or
 * kind NONE: counting only, and what is counted becomes what is known of the places. */
void hark__fault_begin(const struct hark__fault *fault);
bool hark__fault_end(void); /* was it put in? Nothing counts any more */

void hark__fault_pause(bool on); /* meanwhile nothing counts: the explorer asks for itself */

uint32_t hark__fault_places(enum hark__fault_kind kind); /* counted since begin */
/* Of the last counting run; 0: it had no such place, or too many before it. */
uint32_t hark__fault_variants(enum hark__fault_kind kind, uint32_t place);
/* "the 3rd call of epoll_ctl(ADD) fails with ENOMEM" */
void hark__fault_words(const struct hark__fault *fault, struct hark__text *text);

#endif
