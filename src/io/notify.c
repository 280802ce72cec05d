/* SPDX-License-Identifier: MIT
 *
 * notify.c - inotify; hark/notify.h has the promises.
 *
 * Idea     The descriptor is like any other: waiting for it is hark_read's business. Its bytes are
 *          a batch of events, which are handed out one by one. An id is the kernel's own number of
 *          a watch, which it does not use again.
 * Rules    Y1  Events of an id that is not in the list (it was removed) are passed over, but for
 *              IN_Q_OVERFLOW, which has none.
 *          Y2  A watch is added by a worker, and its first event may be here before its id: while
 *              somebody is adding, who finds an unknown id waits for that (`added`).
 *          Y3  Who waits may be closed upon: it looks at `closed` before it touches anything, and
 *              the last one that is in it frees it (`users`).
 */
#include <hark/flag.h>
#include <hark/notify.h>
#include <string.h>

#include "io/io.h"

#define BATCH 4096 /* at least sizeof(struct inotify_event) + NAME_MAX + 1 */

struct watched {
    struct watched *next;
    int id;
    size_t size; /* of it all */
    char path[];
};

struct hark_notify {
    int fd;
    int users; /* tasks that are in a call */
    int adding;
    hark_flag added; /* nobody is adding any more */
    bool closed;
    struct watched *watched;
    struct watched *gone; /* told for the last time: until the next call */
    size_t at, size;
    _Alignas(struct inotify_event) char bytes[BATCH];
};

static void free_watched(struct watched *watched)
{
    hark__free(watched, watched ? watched->size : 0);
}

static void free_all(hark_notify *notify)
{
    while (notify->watched) {
        struct watched *watched = notify->watched;
        notify->watched = watched->next;
        free_watched(watched);
    }
    free_watched(notify->gone);
    hark__free(notify, sizeof *notify);
}

static void enter(hark_notify *notify)
{
    notify->users++;
}

/* Rule Y3. False: it was closed meanwhile. */
static bool leave(hark_notify *notify)
{
    bool closed = notify->closed;

    if (--notify->users == 0 && closed) {
        free_all(notify);
    }
    return !closed;
}

static int was_closed(const char *call)
{
    return hark__fail(-EBADF, call, "it was closed while this task waited");
}

int hark_notify_open(hark_notify **ret)
{
    static const char call[] = "hark_notify_open";

    if (!ret) {
        return hark__fail(-EINVAL, call, "the place for it is NULL");
    }
    *ret = NULL;
    if (!hark__loop_here()) {
        return hark__fail(-ENOTSUP, call, "it needs a loop; call it in a task");
    }
    hark_notify *notify = hark__alloc(sizeof *notify);
    if (!notify) {
        return hark__fail(-ENOMEM, call, "no memory for it");
    }
    notify->fd = hark__sys.inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (notify->fd < 0) {
        int error = -errno;
        hark__free(notify, sizeof *notify);
        return hark__fail(error, call, "inotify: %s (see fs.inotify.max_user_instances)",
                          strerrordesc_np(-error));
    }
    hark__fd_fresh(hark__here, notify->fd, FD_OTHER);
    *ret = notify;
    return 0;
}

void hark_notify_close(hark_notify *notify)
{
    if (!notify || notify->closed) {
        return;
    }
    notify->closed = true;
    hark_flag_set(&notify->added);
    hark_close(notify->fd);
    if (!notify->users) {
        free_all(notify);
    }
}

/* ---- what is watched ------------------------------------------------------------------------- */

static struct watched **find(hark_notify *notify, int id)
{
    struct watched **link = &notify->watched;

    while (*link && (*link)->id != id) {
        link = &(*link)->next;
    }
    return link;
}

struct adding {
    struct hark__io_operation o;
    uint32_t mask;
};

static ssize_t add_watch(struct hark__operation *op)
{
    struct adding *adding = container_of(op, struct adding, o.op);
    return hark__sys.inotify_add_watch(op->fd, op->path, adding->mask);
}

/* The id; no matter what has happened to the watch by now. */
static int add(hark_notify *notify, struct watched *fresh, uint32_t mask, const char *call)
{
    struct adding adding = {
        .o = {.op = {.work = HARK__WORKS, .path = fresh->path}, .own = add_watch},
        .mask = mask,
    };
    struct hark__fd *entry;
    int error = hark__io_entry(&entry, call, notify->fd);

    if (error) {
        free_watched(fresh);
        return error;
    }
    enter(notify);
    notify->adding++;
    hark_flag_clear(&notify->added);
    error = hark__io_operate_on(entry, &adding.o, call);
    if (--notify->adding == 0) {
        hark_flag_set(&notify->added);
    }
    int id = adding.o.op.result;
    if (!error && id >= 0 && !notify->closed) {
        struct watched **old = find(notify, id);
        fresh->id = id;
        fresh->next = *old ? (*old)->next : NULL;
        free_watched(*old);
        *old = fresh;
    }
    if (!leave(notify)) {
        free_watched(fresh);
        return was_closed(call);
    }
    if (!error && id < 0) {
        error = hark__fail(id, call, "%s: %s", fresh->path,
                           id == -ENOSPC ? "too many are watched (fs.inotify.max_user_watches)"
                                         : strerrordesc_np(-id));
    }
    if (error) {
        free_watched(fresh);
    }
    return error ? error : id;
}

int hark_notify_add(hark_notify *notify, const char *path, uint32_t mask)
{
    static const char call[] = "hark_notify_add";
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (!notify || !path || notify->closed) {
        return hark__fail(-EINVAL, call, "%s", !path ? "the path is NULL" : "it is NULL or closed");
    }
    if (!(mask & IN_ALL_EVENTS) || mask & IN_MASK_ADD) {
        return hark__fail(-EINVAL, call, "%s: the mask 0x%x says nothing, or has IN_MASK_ADD", path,
                          mask);
    }
    size_t length = strlen(path) + 1;
    struct watched *fresh = hark__alloc(sizeof *fresh + length);
    if (!fresh) {
        return hark__fail(-ENOMEM, call, "%s: no memory to watch it", path);
    }
    fresh->size = sizeof *fresh + length;
    memcpy(fresh->path, path, length);
    return add(notify, fresh, mask, call);
}

int hark_notify_remove(hark_notify *notify, int id)
{
    static const char call[] = "hark_notify_remove";

    if (!notify || notify->closed) {
        return hark__fail(-EINVAL, call, "it is NULL or closed");
    }
    struct watched **link = find(notify, id), *watched = *link;
    if (!watched) {
        return hark__fail(-ENOENT, call, "%d is watched no more, or never was", id);
    }
    hark__sys.inotify_rm_watch(notify->fd, id); /* it may be gone already: its news are on the way */
    *link = watched->next;
    free_watched(watched);
    return 0;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The next of the batch that is somebody's. 0; -EAGAIN: there is none; -EALREADY: rule Y2. */
static int take(hark_notify *notify, hark_notify_event *event)
{
    while (notify->at < notify->size) {
        const struct inotify_event *raw = (const struct inotify_event *)(notify->bytes + notify->at);
        struct watched **link = find(notify, raw->wd), *watched = *link;
        if (!watched && notify->adding && !planted(event_comes_before_its_id)) {
            return -EALREADY;
        }
        notify->at += sizeof *raw + raw->len;
        if (!watched && !(raw->mask & IN_Q_OVERFLOW)) {
            continue;
        }
        *event = (hark_notify_event){
            .id = watched ? raw->wd : -1,
            .path = watched ? watched->path : NULL,
            .name = raw->len ? raw->name : "",
            .what = raw->mask,
            .cookie = raw->cookie,
        };
        if (watched && raw->mask & IN_IGNORED) {
            *link = watched->next;
            free_watched(notify->gone);
            notify->gone = watched;
        }
        return 0;
    }
    return -EAGAIN;
}

static int check(hark_notify *notify, const hark_notify_event *event, const char *call)
{
    if (!notify || !event || notify->closed) {
        return hark__fail(-EINVAL, call, "%s", !event ? "the event is NULL" : "it is NULL or closed");
    }
    return 0;
}

/* More bytes, when there are none left; or what they mean. */
static int wait_for_more(hark_notify *notify, int why, const char *call)
{
    ssize_t rc;

    enter(notify);
    if (why == -EALREADY) {
        rc = hark_flag_wait(&notify->added);
    } else {
        rc = hark_read(notify->fd, notify->bytes, sizeof notify->bytes);
        if (!notify->closed && rc > 0) {
            notify->at = 0;
            notify->size = (size_t)rc;
        }
    }
    if (!leave(notify)) {
        return rc == -ECANCELED ? (int)rc : was_closed(call);
    }
    return rc < 0 ? (int)rc : 0;
}

int hark_notify_wait(hark_notify *notify, hark_notify_event *event)
{
    static const char call[] = "hark_notify_wait";
    int error = hark__enter_task(call);

    if (error || (error = check(notify, event, call))) {
        return error;
    }
    enter(notify);
    hark__pass(); /* first: nobody may come between an event and its return */
    if (!leave(notify)) {
        return was_closed(call);
    }
    while ((error = take(notify, event))) {
        if ((error = wait_for_more(notify, error, call))) {
            return error;
        }
    }
    return 0;
}

int hark_notify_try(hark_notify *notify, hark_notify_event *event)
{
    int error = check(notify, event, "hark_notify_try");

    if (error) {
        return error;
    }
    while ((error = take(notify, event))) {
        bool others = error == -EALREADY || notify->users; /* who waits reads */
        ssize_t size = others ? -1 : hark__sys.read(notify->fd, notify->bytes, sizeof notify->bytes);
        if (size <= 0) {
            return -EAGAIN;
        }
        notify->at = 0;
        notify->size = (size_t)size;
    }
    return 0;
}

hark_case hark_on_notify(hark_notify *notify)
{
    if (!notify || notify->closed) {
        return hark_on_fd(-1, POLLIN);
    }
    if (notify->at == notify->size) {
        return hark_on_fd(notify->fd, POLLIN);
    }
    return notify->adding ? hark_on_flag(&notify->added) : hark_on_time(0);
}
