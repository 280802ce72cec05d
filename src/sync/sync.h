/* SPDX-License-Identifier: MIT
 *
 * sync.h - the door of the room `sync`: nothing but the public headers. What its files share among
 * themselves stands here too.
 */
#ifndef HARK_SYNC_SYNC_H
#define HARK_SYNC_SYNC_H

#include <hark/event.h>
#include <hark/flag.h>
#include <hark/future.h>
#include <hark/select.h>
#include <hark/watch.h>

/* Arm a watch on a list of waiters; it runs soon if `ready`. */
int hark__watch_list(struct hark_waitlist *list, bool ready, hark_watch *watch, hark_callback *fn,
                     void *arg, unsigned state, const char *call);

#endif
