/* SPDX-License-Identifier: MIT
 *
 * memory.h - part of the door of `testing`: connected stream descriptors that live in memory.
 *
 * They look like the two ends of a non-blocking AF_UNIX stream socketpair to whatever asks through
 * hark__sys, and their edges go to a simulated hub. memory.c has the rules.
 */
#ifndef HARK_TESTING_MEMORY_H
#define HARK_TESTING_MEMORY_H

#include <stdbool.h>

#include "hub/hub.h"

#define HARK__MEMORY_FIRST (1 << 14) /* far above what the kernel gives out in a test */
#define HARK__MEMORY_COUNT 32
#define HARK__MEMORY_ROOM  4096 /* bytes on the way, at most */

/* Put these descriptors before hark__sys. Whatever is put there later has to be taken off before
 * uninstall. 0; -EBUSY: they are there. */
int hark__memory_install(void);
void hark__memory_uninstall(void); /* also resets */

/* From now on edges go to this hub; what is ready is told at once. NULL, or a hub of the kernel's:
 * nowhere. Say NULL, or reset, before the hub is closed. */
void hark__memory_hub(hark__hub *hub);

/* Two connected descriptors, the lowest free numbers, with room for so many bytes each way. 0;
 * -EMFILE; -EINVAL: no such room; -ENOTSUP: not installed. */
int hark__memory_pair(int fds[2], int room);

int hark__memory_open(void);        /* how many are open */
int hark__memory_lowest_open(void); /* -1: none */

/* Close all of them and let go of the hub, without a word to it, for it may be gone by now; who is
 * given to hark__memory_hub next begins clean. All is as after install, but for `partial`. */
void hark__memory_reset(void);

/* May a read or write of several bytes move one only? That is a choice (HARK__CHOOSE_OWN, 2): 0
 * all, 1 one byte. Off at first. */
void hark__memory_partial(bool on);

#endif
