/* SPDX-License-Identifier: MIT
 *
 * hark/notify.h - what happens to files and folders: one task waits, and is told.
 *
 *     hark_notify_open(&n);  hark_notify_add(n, "/etc/app", IN_CLOSE_WRITE | IN_MOVED_TO);
 *     while (hark_notify_wait(n, &event) == 0) ... event.path, event.name, event.what
 *
 * It is inotify(7): events of one folder, not of those below it; only what happens on this machine;
 * and what is not fetched in time is lost, which is told (IN_Q_OVERFLOW): then look for yourself.
 */
#ifndef HARK_NOTIFY_H
#define HARK_NOTIFY_H

#include <hark/select.h>
#include <sys/inotify.h>

HARK_BEGIN

typedef struct hark_notify hark_notify;

typedef struct hark_notify_event {
    int id;           /* which hark_notify_add; -1: none (IN_Q_OVERFLOW) */
    const char *path; /* as it was given there; NULL: none. Until the next call */
    const char *name; /* in that folder; "": itself. Until the next call */
    uint32_t what;    /* IN_...: see inotify(7) */
    uint32_t cookie;  /* the same for IN_MOVED_FROM and IN_MOVED_TO of one move; else 0 */
} hark_notify_event;

/* hark_notify_open - nothing is watched yet. Does not block. Allocates. Returns 0; -EMFILE (also:
 * too many for this user, see fs.inotify.max_user_instances); -ENOMEM; -EINVAL (NULL); -ENOTSUP
 * outside a task. On failure *ret is NULL. */
HARK_API int hark_notify_open(hark_notify **ret);

/* hark_notify_add - watch a file or folder from now on for what `mask` says (IN_...). A path that
 * is watched already gets the new mask, and keeps its id.
 *
 * Blocks: a checkpoint. Allocates. Returns an id >= 0; -ENOENT, -EACCES, ...; -ENOSPC (too many for
 * this user, see fs.inotify.max_user_watches); -EINVAL (NULL, a mask of 0, IN_MASK_ADD);
 * -ECANCELED; -ENOMEM; -ENOTSUP outside a task. */
HARK_API int hark_notify_add(hark_notify *notify, const char *path, uint32_t mask);

/* hark_notify_remove - no event of this id comes any more, not even one that has happened. What is
 * watched itself being removed does the same; then IN_IGNORED is its last event. Does not block.
 * Returns 0; -ENOENT (no such id, or it is gone); -EINVAL. */
HARK_API int hark_notify_remove(hark_notify *notify, int id);

/* hark_notify_wait - the next event, in order.
 *
 * Blocks: a checkpoint. Returns 0; -ECANCELED (no event is lost); -EBUSY (another task waits);
 * -EBADF (closed); -EINVAL; -ENOTSUP outside a task. */
HARK_API int hark_notify_wait(hark_notify *notify, hark_notify_event *event);

/* hark_notify_try - the same without waiting: -EAGAIN, there is none now. */
HARK_API int hark_notify_try(hark_notify *notify, hark_notify_event *event);

/* hark_on_notify - a case of hark_select: hark_notify_try may have one. Make it anew each time. */
HARK_API hark_case hark_on_notify(hark_notify *notify);

/* hark_notify_close - whoever waits gets -EBADF. NULL is fine. Does not block. */
HARK_API void hark_notify_close(hark_notify *notify);

HARK_END
#endif
