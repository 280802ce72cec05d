/* SPDX-License-Identifier: MIT
 *
 * wheel.c - the wheel's mechanics; wheel.h says what it is and which rules hold.
 */
#include "base/wheel.h"

#include "base/planted.h"

#define SCAN_AT_MOST 8 /* timers looked at for the earliest */

void hark__wheel_init(struct hark__wheel *wheel, int64_t instant)
{
    wheel->instant = wheel->soonest = instant < 0 ? 0 : instant;
}

/* Rule W1. The level of the highest byte that differs; equal instants belong to level 0. */
static inline unsigned level_of(const struct hark__wheel *wheel, int64_t deadline)
{
    uint64_t differs = (uint64_t)(deadline ^ wheel->instant);
    return (63u - (unsigned)__builtin_clzll(differs | 1)) / 8;
}

static inline unsigned slot_of(int64_t deadline, unsigned level)
{
    return (unsigned)((uint64_t)deadline >> (8 * level)) & (HARK__WHEEL_SLOTS - 1);
}

static inline struct hark_timer *head_of(struct hark__wheel *wheel, unsigned level, unsigned slot)
{
    return (struct hark_timer *)hark__wheel_head(wheel, level, slot);
}

static inline void put(struct hark__wheel *wheel, struct hark_timer *timer)
{
    unsigned level = level_of(wheel, timer->deadline);
    unsigned slot = slot_of(timer->deadline, level);
    struct hark_timer *head = head_of(wheel, level, slot), *last = head->prev;

    if (!last || last == head) { /* rules W5, W4 */
        last = head->next = head;
        wheel->bits[level][slot / 64] |= 1ull << (slot % 64);
        wheel->used |= 1u << level;
    }
    if (planted(ties_fire_backwards)) {
        head = head->next;
        last = head->prev ? head->prev : head;
    }
    timer->next = head;
    timer->prev = last;
    last->next = timer;
    head->prev = timer;
}

int hark__wheel_arm(struct hark__wheel *wheel, struct hark_timer *timer, int64_t deadline)
{
    timer->deadline = deadline < wheel->instant ? wheel->instant : deadline;
    if (deadline < wheel->soonest) {
        wheel->soonest = deadline;
    }
    put(wheel, timer);
    wheel->count++;
    return 0;
}

/* The earliest slot with timers in it; NULL: there is none. The lowest level that is not empty has
 * it: its slots all lie before the next level's. Bits that lead to no timer go on the way. */
static struct hark_timer *first_slot(struct hark__wheel *wheel, unsigned *level, unsigned *slot)
{
    for (; wheel->used; wheel->used &= wheel->used - 1) {
        *level = (unsigned)__builtin_ctz(wheel->used);
        for (unsigned word = 0; word < HARK__WHEEL_SLOTS / 64; word++) {
            uint64_t *bits = &wheel->bits[*level][word];
            for (; *bits; *bits &= *bits - 1) {
                *slot = word * 64 + (unsigned)__builtin_ctzll(*bits);
                struct hark_timer *head = head_of(wheel, *level, *slot);
                if (head->next != head) {
                    return head;
                }
            }
        }
    }
    return NULL;
}

/* The first instant that belongs to a slot: the wheel's own bytes above it, its number, zeroes
 * below. */
static int64_t slot_begin(const struct hark__wheel *wheel, unsigned level, unsigned slot)
{
    unsigned shift = 8 * level;
    uint64_t above = level == 7 ? 0 : (uint64_t)wheel->instant >> (shift + 8) << (shift + 8);
    return (int64_t)(above | (uint64_t)slot << shift);
}

/* Move the instant. No timer is due before it, so of all slots only the one that it enters changes:
 * its timers, in order, go to where they belong now (rules W1, W2). A long ring is mostly out of the
 * cache, and each step of a walk waits for the one before; so a second walk comes from its end, and
 * fetches what the first one will need after they have met. */
static void enter(struct hark__wheel *wheel, int64_t instant)
{
    unsigned level = level_of(wheel, instant), slot = slot_of(instant, level);
    struct hark_timer *head = head_of(wheel, level, slot), *timer = head->next;
    const struct hark_timer *back = head->prev;

    wheel->instant = instant;
    if (level == 0 || hark__wheel_slot_empty(head)) {
        return;
    }
    head->next = head->prev = head;
    while (timer != head) {
        struct hark_timer *next = timer->next;
        back = back == timer || back == next ? head : back->prev;
        __builtin_prefetch(back);
        put(wheel, timer);
        timer = next;
    }
}

/* The earliest of a slot, and of several that are equal the first; NULL: they are many. */
static struct hark_timer *earliest(struct hark_timer *head)
{
    struct hark_timer *timer = head->next, *best = timer;

    for (int i = 0; i < SCAN_AT_MOST; i++) {
        timer = timer->next;
        if (timer == head) {
            return best;
        }
        best = timer->deadline < best->deadline ? timer : best;
    }
    return NULL;
}

/* The earliest of few is taken where it stands, and the instant stays where it is; many go down a
 * level first. */
struct hark_timer *hark__wheel_due(struct hark__wheel *wheel, int64_t now)
{
    struct hark_timer *head;
    unsigned level = 0, slot = 0;

    if (__builtin_expect(now < wheel->soonest, 1)) {
        return NULL;
    }
    while ((head = first_slot(wheel, &level, &slot))) {
        int64_t begin = slot_begin(wheel, level, slot);
        struct hark_timer *timer = level == 0 ? head->next : earliest(head);
        wheel->soonest = timer ? timer->deadline : begin;
        if (wheel->soonest > now) {
            break;
        }
        if (timer) {
            hark__wheel_disarm(wheel, timer);
            return timer;
        }
        enter(wheel, begin);
    }
    if (!head) {
        wheel->soonest = HARK_FOREVER;
    }
    if (now > wheel->instant) {
        enter(wheel, now);
    }
    return NULL;
}

int64_t hark__wheel_next(struct hark__wheel *wheel)
{
    unsigned level = 0, slot = 0;
    struct hark_timer *head = first_slot(wheel, &level, &slot);

    if (!head) {
        return HARK_FOREVER;
    }
    const struct hark_timer *timer = earliest(head);
    if (timer) {
        return timer->deadline;
    }
    /* Not before `soonest`: asked what is due earlier, the wheel would not even look. */
    int64_t begin = slot_begin(wheel, level, slot);
    return begin > wheel->soonest ? begin : wheel->soonest;
}
