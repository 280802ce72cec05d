/* SPDX-License-Identifier: MIT
 *
 * roster_test.c - numbers of tasks: never twice, not mixed up between loops, and what happens when
 * they are all used up.
 */
#include "kit.h"

#include "core/core.h"

enum {
    CHUNK = 16384,     /* records of a number */
    NUMBERS = 1 << 17, /* of the process */
};
static const int64_t uses_most = 0x7fffffff;

static hark__task *take(struct hark__roster *roster)
{
    hark__task *task = hark__roster_take(roster);
    CHECK(task);
    task->state = TASK_PARKED;
    return task;
}

/* The next time it is given back is the last one. */
static void wear_out(hark__task *task)
{
    task->id = (uses_most - 1) << 32 | (uint32_t)task->id;
}

TEST(roster_two_loops_have_different_numbers_and_find_only_their_own)
{
    struct hark__roster *first, *second, *third;
    CHECK_EQ(hark__roster_open(&first, 101) | hark__roster_open(&second, 102), 0);
    take(first);
    hark__task *ours = take(second);
    hark__roster_close(first);

    CHECK_EQ(hark__roster_open(&third, 103), 0);
    int64_t last = 0;
    for (int i = 0; i <= CHUNK; i++) { /* the second number's place is taken: it gets the third */
        const hark__task *task = take(third);
        CHECK_NE((uint32_t)task->id, (uint32_t)ours->id);
        CHECK_NE((uint32_t)task->id, (uint32_t)last);
        last = task->id;
    }
    CHECK_PTR(hark__roster_find(second, ours->id), ours);
    CHECK_PTR(hark__roster_find(third, ours->id), NULL);
    CHECK_PTR(hark__roster_find(second, ours->id + 1), NULL); /* nobody was given that one yet */
    CHECK_PTR(hark__roster_find(third, 0x7fffffff), NULL);
    hark__roster_close(second);
    hark__roster_close(third);
}

TEST(roster_knows_its_records_from_any_other_address)
{
    struct hark__roster *roster;
    CHECK_EQ(hark__roster_open(&roster, 101), 0);
    const hark__task *task = take(roster);
    CHECK(hark__roster_owns(roster, task));
    CHECK(!hark__roster_owns(roster, task + 1)); /* not handed out */
    CHECK(!hark__roster_owns(roster, (const char *)task + 8));
    CHECK(!hark__roster_owns(roster, &roster));
    CHECK(!hark__roster_owns(roster, NULL));
    hark__roster_close(roster);
}

TEST(roster_a_record_whose_ids_are_used_up_is_not_used_again)
{
    struct hark__roster *roster;
    CHECK_EQ(hark__roster_open(&roster, 101), 0);
    hark__task *task = take(roster);
    const hark_task before = task->id;
    hark__roster_give(roster, task);
    CHECK_PTR(take(roster), task);
    CHECK_NE(task->id, before);
    wear_out(task);
    hark__roster_give(roster, task);
    CHECK(hark__roster_take(roster) != task);
    hark__roster_close(roster);
}

/* ---- what the audit asks --------------------------------------------------------------------- */

/* As in roster.c. */
struct hark__chunk {
    hark__task *records;
    uint32_t number, used, uses;
};

static void check_says(struct hark__roster *roster, const char *what)
{
    uint32_t living;
    CHECK_STR(hark__roster_check(roster, &living), what);
}

static void check_is_well(const struct hark__roster *roster, uint32_t expected)
{
    uint32_t living;
    CHECK_PTR(hark__roster_check(roster, &living), NULL);
    CHECK_EQ(living, expected);
}

TEST(roster_the_audit_sees_what_a_task_has_left_in_its_record)
{
    static const char left[] = "R5: a free record is not as its next task will need it";
    struct hark__roster *roster;
    struct hark__extra extra;
    CHECK_EQ(hark__roster_open(&roster, 101), 0);
    hark__task *task = take(roster);
    CHECK_PTR(task->level, &task->base);
    hark__roster_give(roster, task);
    check_is_well(roster, 0);
    task->extra = &extra;
    check_says(roster, left);
    task->extra = NULL;
    task->base.inner = &task->base;
    check_says(roster, left);
    task->base.inner = NULL;
    task->level = NULL;
    check_says(roster, left);
    hark__roster_close(roster);
}

TEST(roster_the_audit_misses_no_record_and_no_number)
{
    static const char lost[] = "R2: a free record is not in the list of free ones",
                      wrong[] =
                          "R2: the list of free records holds one that is not free, or goes round",
                      foreign[] = "R1: a chunk's number belongs to somebody else";
    struct hark__roster *roster;
    CHECK_EQ(hark__roster_open(&roster, 101), 0);
    hark__task *worn = take(roster), *first = take(roster), *last = take(roster);
    check_is_well(roster, 3);
    wear_out(worn);
    hark__roster_give(roster, worn);
    check_is_well(roster, 2); /* in no list, and that is right */
    hark__roster_give(roster, first);
    hark__roster_give(roster, last);
    check_is_well(roster, 0);
    last->next = NULL;
    check_says(roster, lost);
    last->next = (hark__task *)(void *)&roster;
    check_says(roster, wrong);
    last->next = last;
    check_says(roster, wrong);
    last->next = first;
    roster->loop++;
    check_says(roster, foreign);
    roster->loop--;
    for (int i = 0; i < CHUNK; i++) {
        take(roster);
    }
    check_is_well(roster, CHUNK);
    const struct hark__chunk chunk = roster->chunks[0];
    roster->chunks[0] = roster->chunks[1];
    check_says(roster, foreign); /* the number is ours, and stands elsewhere */
    roster->chunks[0] = chunk;
    check_is_well(roster, CHUNK);
    hark__roster_close(roster);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

TEST_TIMEOUT(roster_when_all_numbers_are_used_up_a_run_has_no_memory, 30)
{
    struct hark__roster *roster;
    int used_up = 0;
    if (kit_slow() > 1) {
        SKIP("131072 mappings");
    }
    for (;; used_up++) {
        CHECK_EQ(hark__roster_open(&roster, 101), 0);
        hark__task *task = hark__roster_take(roster);
        if (!task) {
            break;
        }
        wear_out(task);
        hark__roster_give(roster, task);
        hark__roster_close(roster);
    }
    hark__roster_close(roster);
    CHECK_EQ(used_up, NUMBERS);
    CHECK_EQ(hark_run(nothing, NULL), -ENOMEM);
    CHECK_HAS(hark_error_last(), "hark_run: no memory for the main task");
}
