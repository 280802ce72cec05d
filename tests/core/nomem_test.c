/* SPDX-License-Identifier: MIT
 *
 * nomem_test.c - no memory: every call of the core that allocates says -ENOMEM, has done nothing,
 * and works when it is made again.
 *
 * Idea     WITHOUT(call) makes a call again and again, and each time another of its allocations
 *          fails (scarce.h), until it needs no more. Each call is made in a task of its own, so
 *          that nothing is there from before. Where less will do (a smaller slab of stacks, a
 *          coarser guard), a call may also succeed without.
 */
#include "scarce.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include "core/core.h"

static hark_group group;

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* The call fails with -ENOMEM, its name in the words, for each allocation or mapping it makes; how
 * many there were. */
#define WITHOUT(lack, name, call) \
    ({ \
        int tried_ = 0; \
        for (bool lacks_ = true; lacks_; tried_++) { \
            lack(tried_ + 1); \
            const int64_t rc_ = (call); \
            lacks_ = lacked(); \
            if (lacks_) { \
                CHECK_EQ(rc_, -ENOMEM); \
                CHECK_HAS(hark_error_last(), name); \
            } else { \
                CHECK_GE(rc_, 0); \
            } \
        } \
        tried_ - 1; \
    })

/* ---- opening a run --------------------------------------------------------------------------- */

static void check_run(int rc, size_t heap, size_t maps)
{
    CHECK_EQ(rc, -ENOMEM);
    CHECK_HAS(hark_error_last(), "hark_run: ");
    CHECK_EQ(hark__alloc_live(), heap);
    CHECK_EQ(hark__map_live(), maps);
    CHECK_EQ(hark__census_count(), 0);
}

TEST_ON_HUBS(nomem_a_run_that_cannot_have_all_its_parts_leaves_nothing_behind)
{
    CHECK_EQ(hark_run(nothing, NULL), 0); /* what is made once a process is there now */
    const size_t heap = hark__alloc_live(), maps = hark__map_live();
    int tried = 0, refused = 0;
    for (bool lacks = true; lacks; tried++) {
        lack_memory(tried + 1);
        const int rc = hark_run(nothing, NULL);
        lacks = lacked();
        if (rc) {
            CHECK(lacks);
            check_run(rc, heap, maps);
            refused++;
        }
    }
    CHECK_GT(refused, 6);
}

TEST_ON_HUBS(nomem_a_run_that_cannot_map_leaves_nothing_behind)
{
    CHECK_EQ(hark_run(nothing, NULL), 0);
    const size_t heap = hark__alloc_live(), maps = hark__map_live();
    int tried = 0, refused = 0;
    for (bool lacks = true; lacks; tried++) {
        lack_maps(tried + 1);
        const int rc = hark_run(nothing, NULL);
        lacks = lacked();
        if (rc) {
            CHECK(lacks);
            check_run(rc, heap, maps);
            refused++;
        }
    }
    CHECK_GT(refused, 0);
}

static int no_sigaltstack(const stack_t *stack, stack_t *old)
{
    (void)stack;
    (void)old;
    errno = ENOMEM;
    return -1;
}

TEST(nomem_a_run_that_cannot_have_its_signal_stack_leaves_nothing_behind)
{
    CHECK_EQ(hark_run(nothing, NULL), 0);
    const size_t heap = hark__alloc_live(), maps = hark__map_live();
    int (*real)(const stack_t *, stack_t *) = hark__sys.sigaltstack;
    hark__sys.sigaltstack = no_sigaltstack;
    check_run(hark_run(nothing, NULL), heap, maps);
    hark__sys.sigaltstack = real;
    CHECK_EQ(hark_run(nothing, NULL), 0);
}

/* ---- spawning -------------------------------------------------------------------------------- */

enum { MANY = 400 };

/* Did it fail? Then it has left nothing. */
static int spawn_without(void (*lack)(int))
{
    const uint32_t before = hark__here->tasks;
    lack(-1);
    const hark_task id = hark_go(&group, nothing, NULL);
    const bool lacks = lacked();
    if (id < 0) {
        CHECK(lacks);
        CHECK_EQ(id, -ENOMEM);
        CHECK_HAS(hark_error_last(), "hark_go: no memory for another task");
    }
    CHECK_EQ(hark__here->tasks, before + (id > 0));
    CHECK_EQ(hark__here->promised, hark__here->tasks);
    return id < 0;
}

static int spawns_many(void *arg)
{
    int heap = 0, maps = 0;
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    for (int i = 0; i < MANY; i++) {
        const bool grows = hark__here->promised > hark__here->mask;
        if (spawn_without(grows ? lack_memory : lack_maps)) {
            *(grows ? &heap : &maps) += 1;
            CHECK_GT(hark_go(&group, nothing, NULL), 0);
        }
    }
    CHECK_GT(heap, 0);
    CHECK_GT(maps, 0);
    return hark_group_close(&group, 0);
}

TEST(nomem_a_task_that_cannot_be_spawned_is_not_there)
{
    CHECK_EQ(RUN_VIRTUAL(spawns_many, NULL), 0);
}

/* The queue doubles up to 2^30 places; this one is told that it has them. */
static int spawns_the_last(void *arg)
{
    hark_loop *loop = hark__here;
    const uint32_t mask = loop->mask, promised = loop->promised;
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    loop->mask = (1u << 30) - 1;
    loop->promised = 1u << 30;
    const hark_task id = hark_go(&group, nothing, NULL);
    loop->mask = mask;
    loop->promised = promised;
    CHECK_EQ(id, -ENOMEM);
    return hark_group_close(&group, 0);
}

TEST(nomem_the_run_queue_does_not_grow_beyond_its_largest)
{
    CHECK_EQ(RUN_VIRTUAL(spawns_the_last, NULL), 0);
}

static int starts(void *arg)
{
    (void)arg;
    return hark_started(7);
}

static int starts_one(void *arg)
{
    int value = 0;
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_GE(WITHOUT(lack_memory, "hark_start", hark_start(&group, starts, NULL, &value)), 1);
    CHECK_EQ(value, 7);
    return hark_group_close(&group, 0);
}

TEST(nomem_a_start_that_fails_has_started_nothing)
{
    CHECK_EQ(RUN_VIRTUAL(starts_one, NULL), 0);
}

/* ---- calls of a fresh task ------------------------------------------------------------------- */

static int names_itself(void *arg)
{
    (void)arg;
    CHECK_EQ(WITHOUT(lack_memory, "hark_task_name: no memory", hark_task_name("n")), 1);
    return 0;
}

static int joins(void *arg)
{
    const hark_task id = hark_go(&group, nothing, NULL);
    (void)arg;
    CHECK_EQ(WITHOUT(lack_memory, "hark_task_wait: no memory", hark_task_wait(id)), 1);
    return 0;
}

static int selects_a_task(void *arg)
{
    const hark_task id = hark_go(&group, nothing, NULL);
    hark_case one = hark_on_task(id);
    (void)arg;
    CHECK_EQ(WITHOUT(lack_memory, "hark_select: case 0 cannot", hark_select(&one, 1)), 1);
    return 0;
}

static int selects_a_descriptor(void *arg)
{
    const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const uint64_t one = 1;
    hark_case cases[2] = {hark_on_fd(fd, POLLIN), hark_on_time(hark_now() + HARK_MS(1))};
    (void)arg;
    CHECK_GE(WITHOUT(lack_memory, "hark_select: case 0 cannot", hark_select(cases, 2)), 2);
    CHECK_EQ(write(fd, &one, sizeof(one)), 8);
    CHECK_EQ(hark_select(cases, 1), 0);
    CHECK_EQ(hark_close(fd), 0);
    return 0;
}

static void ignore(void *arg)
{
    (void)arg;
}

static int reads_far_away(void *arg)
{
    const int low = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const int fd = fcntl(low, F_DUPFD_CLOEXEC, 900); /* a page of its own, beyond the table */
    hark_watch watch = {0};
    (void)arg;
    CHECK_GE(fd, 900);
    close(low);
    CHECK_GE(WITHOUT(lack_memory, "hark_add_reader", hark_add_reader(fd, &watch, ignore, NULL)), 2);
    CHECK_EQ(hark_unwatch(&watch), 0);
    CHECK_EQ(hark_close(fd), 0);
    return 0;
}

static int calls_many(void *arg)
{
    static hark_watch watches[100];
    int lacks = 0;
    (void)arg;
    for (int i = 0; i < 100; i++) {
        lacks += WITHOUT(lack_memory, "hark_call_soon: no memory",
                         hark_call_soon(&watches[i], ignore, NULL));
    }
    CHECK_EQ(lacks, 1); /* from 64 places to 128 */
    return hark_yield();
}

static int hurries(void *arg)
{
    (void)arg;
    CHECK_EQ(WITHOUT(lack_memory, "hark_within", hark_within(HARK_S(1), hark_checkpoint())), 2);
    return 0;
}

static int listens(void *arg)
{
    (void)arg;
    CHECK_GE(WITHOUT(lack_memory, "hark_cancel_on: no desc", hark_cancel_on(SIGUSR1)), 1);
    return 0;
}

/* The words of a failure want memory too; without it they are the loop's, until the next one. */
static int fails_in_the_spare_words(void *arg)
{
    (void)arg;
    lack_memory(1);
    CHECK_EQ(hark_fail(-EIO, "the first disk is on fire"), -EIO);
    CHECK(lacked());
    CHECK_STR(hark__here->spare_failure.words, "the first disk is on fire");
    lack_memory(2);
    CHECK_EQ(hark_fail(-EIO, "the second disk is on fire"), -EIO);
    CHECK(lacked());
    CHECK_STR(hark__here->spare_failure.words, "the second disk is on fire");
    CHECK_EQ(hark_fail(-EIO, "the third disk is on fire"), -EIO);
    CHECK_STR(hark_error_last(), "the third disk is on fire");
    return 0;
}

static hark_fn *const calls[] = {
    names_itself, joins,   selects_a_task, selects_a_descriptor,    reads_far_away,
    calls_many,   hurries, listens,        fails_in_the_spare_words};

static int makes_each_call(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        CHECK_EQ(hark_group_open(&group), 0);
        CHECK_GT(hark_go(&group, calls[i], NULL), 0);
        CHECK_EQ(hark_group_close(&group, 0), 0);
    }
    return 0;
}

TEST_ON_HUBS(nomem_a_call_that_fails_works_when_it_is_made_again)
{
    CHECK_EQ(RUN_VIRTUAL(makes_each_call, NULL), 0);
}
