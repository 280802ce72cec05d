/* SPDX-License-Identifier: MIT
 *
 * private.h - what the hubs share: the slots, the question whether a descriptor can be waited for,
 * the rounding of timeouts, and the words of a refusal.
 *
 * A slot is what a hub knows of one descriptor. Slots stand in one flat array indexed by the
 * number of the descriptor: sixteen bytes each, one load to find, and a program's numbers are
 * small and dense because the kernel gives out the lowest free one.
 *
 * Rules    P1  Slots are born zeroed and never shrink; a pointer to one lives until the next make.
 *          P2  `armed` is 0 if and only if nothing is armed.
 *          P3  A report from the kernel is believed only if its generation is the slot's: that is
 *              what makes H4 true even where the kernel's registration outlives the descriptor (a
 *              dup, a child's copy) and can no longer be removed.
 *
 * Not here: anything that only one hub needs.
 */
#ifndef HARK_HUB_PRIVATE_H
#define HARK_HUB_PRIVATE_H

#include "base/sys.h"
#include "hub/hub.h"

typedef struct hark__slot {
    uint64_t token;
    uint32_t mark;  /* epoll, uring: the generation; poll: place in its array + 1 */
    uint32_t armed; /* poll(2)'s bits */
} hark__slot;

typedef struct hark__slots {
    hark__slot *at;
    int count;
} hark__slots;

/* What may be asked for; POLLERR, POLLHUP and POLLNVAL come unasked. */
enum { HARK__ASKABLE = POLLIN | POLLPRI | POLLOUT | POLLRDHUP };

/* An event after which nothing else can be expected of the descriptor, so that no direction may
 * stay armed: a level-triggered hub would report it for ever. */
enum { HARK__FINAL = POLLERR | POLLHUP | POLLNVAL };

static inline hark__slot *hark__slots_find(const hark__slots *slots, int fd)
{
    return (unsigned)fd < (unsigned)slots->count ? &slots->at[fd] : NULL;
}

/* Number and generation in one word, for the kernel to hand back. */
static inline uint64_t hark__slot_key(const hark__slot *slot, int fd)
{
    return (uint64_t)slot->mark << 32 | (uint32_t)fd;
}

/* The armed slot that a key came from; NULL: it is stale. */
static inline hark__slot *hark__slots_match(const hark__slots *slots, uint64_t key)
{
    hark__slot *slot = hark__slots_find(slots, (int)(uint32_t)key);
    return slot && slot->armed && slot->mark == (uint32_t)(key >> 32) ? slot : NULL;
}

/* The slot of `fd`, which must be >= 0; NULL: no memory. */
hark__slot *hark__slots_make(hark__slots *slots, int fd);
void hark__slots_free(hark__slots *slots);

/* Can it be waited for? 0, -EPERM (a file, a directory, /dev/null ...), -EBADF. epoll answers this
 * itself; poll, select and the ring would call such a descriptor always ready. */
int hark__hub_check(int fd);

struct timespec hark__hub_span(int64_t timeout); /* timeout >= 0 */

/* Operations that the hub has, in a ring by the order of their coming; NULL: none. */
void hark__operation_add(struct hark__operation **all, struct hark__operation *op);
void hark__operation_remove(struct hark__operation **all, struct hark__operation *op);
/* It has ended, and stands nowhere: into `ended`. */
void hark__operation_end(hark__hub *, struct hark__operation *op, int result);

/* Remember why; returns what open says: -EMFILE, -ENOMEM, else -EOPNOTSUPP. `words` is for good. */
int hark__hub_refuse(int error, const char *words);

/* Words of a refusal, by error number: "epoll_create1: EPERM: ...". */
typedef struct hark__refusal {
    int error; /* 0: any other, and the end of the list */
    const char *words;
} hark__refusal;
int hark__hub_refuse_by(int error, const hark__refusal *list);

#endif
