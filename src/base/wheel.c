/* SPDX-License-Identifier: MIT
 *
 * wheel.c - the wheel's mechanics; wheel.h says what it is and which rules hold.
 */
#include "base/wheel.h"

#include "base/planted.h"

#define SCAN_AT_MOST 16 /* timers looked at for an exact next deadline */

void hark__wheel_init(struct hark__wheel *wheel, int64_t instant)
{
    *wheel = (struct hark__wheel){.instant = instant < 0 ? 0 : instant};
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

static inline void put(struct hark__wheel *wheel, struct hark_timer *timer)
{
    unsigned level = level_of(wheel, timer->deadline);
    unsigned slot = slot_of(timer->deadline, level);
    struct hark_timer **first = &wheel->slots[level][slot];

    if (!*first) {
        *first = timer->next = timer->prev = timer;
        wheel->bits[level][slot / 64] |= 1ull << (slot % 64);
        wheel->used |= 1u << level;
        return;
    }
    timer->next = *first;
    timer->prev = (*first)->prev;
    timer->prev->next = timer;
    (*first)->prev = timer;
    *first = planted(ties_fire_backwards) ? timer : *first;
}

static inline void note_empty(struct hark__wheel *wheel, unsigned level, unsigned slot)
{
    uint64_t *bits = wheel->bits[level];

    wheel->slots[level][slot] = NULL;
    bits[slot / 64] &= ~(1ull << (slot % 64));
    if (!(bits[0] | bits[1] | bits[2] | bits[3])) {
        wheel->used &= ~(1u << level);
    }
}

void hark__wheel_arm(struct hark__wheel *wheel, struct hark_timer *timer, int64_t deadline)
{
    timer->deadline = deadline < wheel->instant ? wheel->instant : deadline;
    put(wheel, timer);
    wheel->count++;
}

void hark__wheel_disarm(struct hark__wheel *wheel, struct hark_timer *timer)
{
    if (!timer->next) {
        return;
    }
    unsigned level = level_of(wheel, timer->deadline);
    unsigned slot = slot_of(timer->deadline, level);

    if (timer->next == timer) {
        note_empty(wheel, level, slot);
    } else {
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        if (wheel->slots[level][slot] == timer) {
            wheel->slots[level][slot] = timer->next;
        }
    }
    timer->next = NULL;
    wheel->count--;
}

/* The lowest level that is not empty holds the earliest timers: its slots all lie before the next
 * level's. */
static unsigned first_slot(const struct hark__wheel *wheel, unsigned level)
{
    const uint64_t *bits = wheel->bits[level];
    unsigned word = 0;

    while (!bits[word]) {
        word++;
    }
    return word * 64 + (unsigned)__builtin_ctzll(bits[word]);
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
 * its timers, in order, go to where they belong now (rules W1, W2). */
static void enter(struct hark__wheel *wheel, int64_t instant)
{
    unsigned level = level_of(wheel, instant), slot = slot_of(instant, level);
    struct hark_timer *first = wheel->slots[level][slot], *timer = first;

    wheel->instant = instant;
    if (level == 0 || !first) {
        return;
    }
    note_empty(wheel, level, slot);
    do {
        struct hark_timer *next = timer->next;
        __builtin_prefetch(next->next);
        put(wheel, timer);
        timer = next;
    } while (timer != first);
}

struct hark_timer *hark__wheel_due(struct hark__wheel *wheel, int64_t now)
{
    while (wheel->used) {
        unsigned level = (unsigned)__builtin_ctz(wheel->used);
        unsigned slot = first_slot(wheel, level);
        int64_t begin = slot_begin(wheel, level, slot);

        if (begin > now) {
            break;
        }
        if (level == 0) {
            struct hark_timer *timer = wheel->slots[0][slot];
            wheel->instant = begin;
            hark__wheel_disarm(wheel, timer);
            return timer;
        }
        enter(wheel, begin);
    }
    if (now > wheel->instant) {
        enter(wheel, now);
    }
    return NULL;
}

int64_t hark__wheel_next(const struct hark__wheel *wheel)
{
    if (!wheel->used) {
        return HARK_FOREVER;
    }
    unsigned level = (unsigned)__builtin_ctz(wheel->used);
    unsigned slot = first_slot(wheel, level);
    const struct hark_timer *first = wheel->slots[level][slot], *timer = first;
    int64_t least = timer->deadline;

    for (int i = 0; i < SCAN_AT_MOST; i++) {
        timer = timer->next;
        if (timer == first) {
            return least;
        }
        least = timer->deadline < least ? timer->deadline : least;
    }
    return slot_begin(wheel, level, slot);
}
