/* SPDX-License-Identifier: MIT
 *
 * wheel_test.c - the promises of base/wheel.h, against a plain sorted list as the oracle.
 */
#include "base/wheel.h"

#include "kit.h"

#define MANY 2000

static struct hark__wheel wheel;

struct entry {
    struct hark_timer timer;
    int64_t deadline; /* as asked; the oracle's */
    int order;
    bool armed;
};

static struct entry entries[MANY];

static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The armed entry that must fire next: smallest deadline, then arming order. */
static struct entry *oracle_next(void)
{
    struct entry *best = NULL;

    for (int i = 0; i < MANY; i++) {
        struct entry *e = &entries[i];
        if (e->armed && (!best || e->deadline < best->deadline ||
                         (e->deadline == best->deadline && e->order < best->order))) {
            best = e;
        }
    }
    return best;
}

static void begin(int64_t instant)
{
    memset(&wheel, 0, sizeof wheel);
    hark__wheel_init(&wheel, instant);
}

static void arm(struct entry *e, int64_t deadline, int order)
{
    e->deadline = deadline < wheel.instant ? wheel.instant : deadline;
    e->order = order;
    e->armed = true;
    hark__wheel_arm(&wheel, &e->timer, deadline);
}

TEST(wheel_fires_in_the_order_of_deadlines_then_of_arming)
{
    begin(1000);
    arm(&entries[0], 5000, 0);
    arm(&entries[1], 3000, 1);
    arm(&entries[2], 5000, 2);
    arm(&entries[3], 3000, 3);
    arm(&entries[4], 2, 4); /* past: due at once */
    static const int expected[] = {4, 1, 3, 0, 2};
    for (int i = 0; i < 5; i++) {
        struct hark_timer *timer = hark__wheel_due(&wheel, 10000);
        CHECK_PTR(timer, &entries[expected[i]].timer);
    }
    CHECK_PTR(hark__wheel_due(&wheel, 10000), NULL);
    CHECK_EQ(wheel.count, 0);
}

TEST(wheel_never_fires_early_and_never_late)
{
    static const int64_t spans[] = {1,
                                    255,
                                    256,
                                    257,
                                    65535,
                                    65536,
                                    1000000,
                                    16777216,
                                    1000000000,
                                    INT64_C(1) << 40,
                                    INT64_C(1) << 55};

    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        begin(12345);
        arm(&entries[0], 12345 + spans[i], 0);
        CHECK_PTR(hark__wheel_due(&wheel, 12345 + spans[i] - 1), NULL);
        CHECK_PTR(hark__wheel_due(&wheel, 12345 + spans[i]), &entries[0].timer);
    }
}

TEST(wheel_next_is_never_after_the_earliest_deadline)
{
    uint64_t random = kit_seed() | 1;

    for (int round = 0; round < 200; round++) {
        begin((int64_t)(draw(&random) >> 20));
        int count = 1 + (int)(draw(&random) % 100);
        int64_t least = HARK_FOREVER;
        for (int i = 0; i < count; i++) {
            int64_t deadline = wheel.instant + (int64_t)(draw(&random) >> (20 + draw(&random) % 40));
            entries[i].timer.next = NULL;
            hark__wheel_arm(&wheel, &entries[i].timer, deadline);
            least = deadline < least ? deadline : least;
        }
        CHECK_LE(hark__wheel_next(&wheel), least);
        CHECK_GE(hark__wheel_next(&wheel), wheel.instant);
    }
}

/* Waking at the bound moves timers down: after at most one step a level, the earliest fires. */
TEST(wheel_reaches_the_earliest_deadline_in_few_wake_ups)
{
    begin(77);
    for (int i = 0; i < 500; i++) {
        hark__wheel_arm(&wheel, &entries[i].timer, 77 + 3000000000 + i * 1000);
    }
    int wakes = 0;
    while (!hark__wheel_due(&wheel, hark__wheel_next(&wheel))) {
        wakes++;
        CHECK_LE(wakes, HARK__WHEEL_LEVELS);
    }
}

/* Few, the earliest of them gone by; then many in the same place. Or else a loop would ask for ever. */
TEST(wheel_next_leads_on_whatever_was_asked_before)
{
    uint64_t random = kit_seed() | 1;

    for (int round = 0; round < 500; round++) {
        begin((int64_t)(draw(&random) >> 20));
        int64_t now = wheel.instant;
        int living = 0;
        for (int i = 0; i < 60 || living; i++) {
            if (i < 60) {
                int64_t deadline = now + (int64_t)(draw(&random) % (1u << (8 + draw(&random) % 16)));
                entries[i].timer.next = NULL;
                hark__wheel_arm(&wheel, &entries[i].timer, deadline);
                living++;
            }
            for (int wakes = 0; living && (draw(&random) % 4 == 0 || i >= 60); wakes++) {
                int64_t next = hark__wheel_next(&wheel);
                const struct hark_timer *timer = hark__wheel_due(&wheel, next);
                CHECK_GE(next, wheel.instant);
                now = next > now ? next : now;
                if (timer) {
                    living--;
                    break;
                }
                CHECK_LE(wakes, HARK__WHEEL_LEVELS);
            }
        }
    }
}

TEST(wheel_agrees_with_a_sorted_list_over_random_histories)
{
    uint64_t random = kit_seed() | 1;
    int order = 0, steps = kit_slow() ? 3000 : 20000;

    memset(entries, 0, sizeof entries);
    begin((int64_t)(draw(&random) >> 8));
    int64_t now = wheel.instant;
    for (int step = 0; step < steps; step++) {
        struct entry *e = &entries[draw(&random) % MANY];
        switch (draw(&random) % 4) {
        case 0:
        case 1:
            if (!e->armed) {
                arm(e, now + (int64_t)(draw(&random) >> (24 + draw(&random) % 40)) - 1000, order++);
            }
            break;
        case 2:
            hark__wheel_disarm(&wheel, &e->timer);
            CHECK(!hark__timer_armed(&e->timer));
            e->armed = false;
            break;
        default:
            now += (int64_t)(draw(&random) >> (24 + draw(&random) % 40));
            for (struct hark_timer *timer; (timer = hark__wheel_due(&wheel, now));) {
                struct entry *expected = oracle_next();
                CHECK_PTR(timer, &expected->timer);
                CHECK_LE(expected->deadline, now);
                expected->armed = false;
            }
            struct entry *next = oracle_next();
            CHECK(!next || next->deadline > now);
        }
    }
}
