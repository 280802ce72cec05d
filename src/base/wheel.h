/* SPDX-License-Identifier: MIT
 *
 * wheel.h - timers in exact order, without allocation.
 *
 * Why      Nearly every timer is cancelled before it fires, so arming and cancelling must cost a
 *          few nanoseconds; and arming must not fail, so nothing may be allocated. A heap in an
 *          array does neither. A timing wheel does both, but a classic one rounds to its tick and
 *          loses the order inside a slot.
 * Idea     A wheel whose tick is one nanosecond: eight levels of 256 slots, one level for each byte
 *          of an instant. A timer stands at the level of the highest byte in which its deadline
 *          differs from the wheel's instant, in the slot of that byte. As the instant moves into a
 *          slot, the slot's timers move down to lower levels; on the lowest level a slot holds one
 *          single nanosecond. It is a radix sort done lazily: only timers that live long enough to
 *          fire are ever moved.
 * Rules    W1  A timer stands where its deadline and the wheel's instant say (so that its slot need
 *              not be stored).
 *          W2  Two timers with the same deadline stand in the same slot, in the order in which they
 *              were armed; moving down keeps that order. So ties fire in arming order.
 *          W3  The instant never passes an armed deadline, and never goes back.
 *          W4  A bit is set for each slot that is not empty, and for some that are: cancelling does
 *              not look whose place it was, and the bit goes when somebody finds the slot empty. A
 *              level is used if it has a bit.
 *          W5  A slot is the head of its ring, and all zero until it is first used: memory that is
 *              zero is a wheel at instant 0, and what no timer has touched was never touched.
 * Not here Clocks, and what firing means.
 * Cost     Arm: some twenty instructions. Cancel: six. Fire: at most seven moves, one or two in
 *          practice.
 */
#ifndef HARK_BASE_WHEEL_H
#define HARK_BASE_WHEEL_H

#include <hark/base.h>
#include <hark/time.h>

#define HARK__WHEEL_LEVELS 8
#define HARK__WHEEL_SLOTS  256

/* The beginning of a hark_timer, and used as one. */
struct hark__wheel_slot {
    struct hark_timer *next, *prev;
};

struct hark__wheel {
    int64_t instant;
    int64_t soonest; /* nothing is due before it */
    uint32_t count;
    uint32_t used; /* a bit for each level that has one */
    uint64_t bits[HARK__WHEEL_LEVELS][HARK__WHEEL_SLOTS / 64];
    struct hark__wheel_slot slots[HARK__WHEEL_LEVELS][HARK__WHEEL_SLOTS];
};

void hark__wheel_init(struct hark__wheel *, int64_t instant); /* it is all zero (rule W5) */
/* A past one fires at the next expiry. Returns 0: callers end with it, and need no frame. */
int hark__wheel_arm(struct hark__wheel *, struct hark_timer *, int64_t deadline);
static inline bool hark__timer_armed(const struct hark_timer *timer)
{
    return timer->next != NULL;
}

/* Not armed: nothing. */
static inline void hark__wheel_disarm(struct hark__wheel *wheel, struct hark_timer *timer)
{
    if (hark__timer_armed(timer)) {
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        timer->next = NULL;
        wheel->count--;
    }
}

/* The timers of a slot stand between its head and its head. */
static inline const struct hark_timer *hark__wheel_head(const struct hark__wheel *wheel,
                                                        unsigned level, unsigned slot)
{
    return (const struct hark_timer *)(const void *)&wheel->slots[level][slot];
}

static inline bool hark__wheel_slot_empty(const struct hark_timer *head)
{
    return !head->next || head->next == head;
}

/* Take out and return the next timer that is due at `now`, in order; NULL: none is left. Asked again
 * before anything can be due, it is two instructions. */
struct hark_timer *hark__wheel_due(struct hark__wheel *, int64_t now);

/* A lower bound of the next deadline, HARK_FOREVER if none is armed. Exact when few timers stand in
 * the next slot; asking for what is due at a bound that was too early moves them down, so that the
 * next one is closer. */
int64_t hark__wheel_next(struct hark__wheel *);

#endif
