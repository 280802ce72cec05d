/* SPDX-License-Identifier: MIT
 *
 * sys_test.c - the seams: the account of memory, the clock that never goes back, choices that
 * replay.
 */
#include "base/sys.h"
#include "kit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

TEST(sys_no_entry_of_the_table_is_empty)
{
#define NOT_EMPTY(result, name, parameters, arguments) CHECK(hark__sys.name != NULL);
    HARK__SYSCALLS(NOT_EMPTY)
#ifdef HARK_HAVE_LIBURING
    CHECK(hark__sys.uring_setup && hark__sys.uring_enter && hark__sys.uring_exit);
#else
    CHECK(!hark__sys.uring_setup && !hark__sys.uring_enter && !hark__sys.uring_exit);
#endif
}

TEST(sys_the_entries_do_what_their_names_say)
{
    int fds[2];
    char buffer[4];
    CHECK_EQ(hark__sys.pipe2(fds, O_NONBLOCK), 0);
    CHECK(hark__sys.fcntl_int(fds[0], F_GETFL, 0) & O_NONBLOCK);
    CHECK_EQ(hark__sys.fcntl_int(fds[0], F_SETFD, FD_CLOEXEC), 0);
    CHECK_EQ(hark__sys.fcntl_int(fds[0], F_GETFD, 0), FD_CLOEXEC);
    CHECK_EQ(hark__sys.read(fds[0], buffer, 4), -1);
    CHECK_EQ(errno, EAGAIN);
    CHECK_EQ(hark__sys.write(fds[1], "abc", 3), 3);
    CHECK_EQ(hark__sys.read(fds[0], buffer, 4), 3);
    CHECK_EQ(hark__sys.close(fds[0]), 0);
    CHECK_EQ(hark__sys.close(fds[1]), 0);
}

TEST(sys_epoll_pwait2_waits_its_nanoseconds_where_the_kernel_has_it)
{
    struct epoll_event event;
    struct timespec span = {0, 1500000};
    int epoll = hark__sys.epoll_create1(EPOLL_CLOEXEC);
    int64_t start = kit_clock();
    int rc = hark__sys.epoll_pwait2(epoll, &event, 1, &span, NULL);
    if (rc < 0)
        CHECK_EQ(errno, ENOSYS);
    else
        CHECK_GE(kit_clock() - start, 1500000);
    hark__sys.close(epoll);
}

TEST(sys_process_madvise_is_about_this_process)
{
    char *memory = hark__map(8192);
    CHECK(memory);
    memory[0] = 1;
    struct iovec range = {memory, 8192};
    ssize_t done = hark__sys.process_madvise(&range, 1, MADV_DONTNEED);
    if (done >= 0) {
        CHECK_EQ(done, 8192);
        CHECK_EQ(memory[0], 0);
    } else {
        CHECK(errno == ENOSYS || errno == EINVAL || errno == EPERM);
    }
    hark__unmap(memory, 8192);
}

/* ---- memory ---------------------------------------------------------------------------------- */

TEST(sys_S3_the_account_of_the_heap_is_exact)
{
    size_t before = hark__alloc_live();
    char *a = hark__alloc(100);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(a[i], 0);
    CHECK_EQ(hark__alloc_live() - before, 100);
    a[99] = 7;
    a = hark__realloc(a, 100, 5000);
    CHECK_EQ(a[99], 7);
    CHECK_EQ(hark__alloc_live() - before, 5000);
    a = hark__realloc(a, 5000, 10);
    CHECK_EQ(hark__alloc_live() - before, 10);
    void *b = hark__realloc(NULL, 0, 1);
    void *c = hark__alloc(0);
    CHECK(b && c);
    CHECK_EQ(hark__alloc_live() - before, 11);
    hark__free(c, 0);
    hark__free(b, 1);
    hark__free(a, 10);
    hark__free(NULL, 1000);
    CHECK_EQ(hark__alloc_live(), before);
}

TEST(sys_S3_the_account_of_mappings_is_exact)
{
    size_t before = hark__map_live();
    char *a = hark__map(1 << 20);
    CHECK_EQ(a[(1 << 20) - 1], 0);
    CHECK_EQ(hark__map_live() - before, 1 << 20);
    hark__unmap(a, 1 << 20);
    hark__unmap(NULL, 4096);
    CHECK_EQ(hark__map_live(), before);
}

static void *no_allocate(size_t size)
{
    (void)size;
    return NULL;
}

static void *no_resize(void *old, size_t size)
{
    (void)old, (void)size;
    return NULL;
}

static void *no_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    (void)address, (void)length, (void)protection, (void)flags, (void)fd, (void)offset;
    errno = ENOMEM;
    return MAP_FAILED;
}

TEST(sys_S3_what_failed_is_not_in_the_account)
{
    struct hark__memory memory = hark__memory;
    struct hark__sys sys = hark__sys;
    size_t heap = hark__alloc_live(), mapped = hark__map_live();
    void *kept = hark__alloc(8);
    hark__memory.allocate = no_allocate;
    hark__memory.resize = no_resize;
    hark__sys.mmap = no_mmap;
    CHECK_PTR(hark__alloc(50), NULL);
    CHECK_PTR(hark__realloc(kept, 8, 50), NULL);
    CHECK_PTR(hark__map(4096), NULL);
    CHECK_EQ(hark__alloc_live() - heap, 8);
    CHECK_EQ(hark__map_live(), mapped);
    hark__memory = memory;
    hark__sys = sys;
    hark__free(kept, 8);
}

static int no_munmap(void *address, size_t length)
{
    (void)address, (void)length;
    errno = ENOMEM;
    return -1;
}

TEST(sys_S5_a_mapping_that_could_not_go_stays_in_the_account_without_its_pages)
{
    int (*real)(void *, size_t) = hark__sys.munmap;
    size_t before = hark__map_live();
    char *memory = hark__map(4096);
    memory[0] = 1;
    hark__sys.munmap = no_munmap;
    hark__unmap(memory, 4096);
    hark__sys.munmap = real;
    CHECK_EQ(hark__map_live() - before, 4096);
    CHECK_EQ(memory[0], 0);
    hark__unmap(memory, 4096);
    CHECK_EQ(hark__map_live(), before);
}

static void *allocate_and_free(void *unused)
{
    for (int i = 1; i < 2000; i++) {
        void *memory = hark__alloc((size_t)i);
        hark__free(memory, (size_t)i);
    }
    return unused;
}

TEST(sys_S3_threads_keep_one_account)
{
    pthread_t threads[3];
    size_t before = hark__alloc_live();
    for (int i = 0; i < 3; i++)
        CHECK_EQ(hark__sys.thread_start(&threads[i], NULL, allocate_and_free, NULL), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(hark__alloc_live(), before);
}

/* ---- the clock ------------------------------------------------------------------------------- */

static struct timespec told;
static int told_rc;

static int tell_time(clockid_t clock, struct timespec *time)
{
    CHECK_EQ(clock, CLOCK_MONOTONIC);
    *time = told;
    return told_rc;
}

TEST(sys_S2_the_clock_never_runs_backwards)
{
    int64_t real = hark__clock();
    CHECK_LE(kit_clock() - real, INT64_C(5000000000));
    hark__sys.clock_gettime = tell_time;
    told = (struct timespec){real / 1000000000 + 100, 5};
    int64_t ahead = hark__clock();
    CHECK_EQ(ahead, (real / 1000000000 + 100) * 1000000000 + 5);
    told.tv_nsec = 4;
    CHECK_EQ(hark__clock(), ahead);
    told.tv_nsec = 6;
    CHECK_EQ(hark__clock(), ahead + 1);
    told.tv_sec += 5;
    told_rc = -1;
    CHECK_EQ(hark__clock(), ahead + 1); /* unreadable: it stands still */
}

/* The bound is the promise's; the test needs no luck for it: a thread that is stopped between two
 * readings sees a later clock, and a deadline from before. */
TEST(sys_an_instant_for_deadlines_is_not_past_and_never_goes_back)
{
    struct hark__soon soon = {0};
    int64_t latest = 0, end = hark__clock() + 20000000;
    long built_on = 0;
    for (int64_t before = 0; before < end;) {
        before = hark__clock();
        int64_t instant = hark__clock_soon(&soon);
        built_on += soon.few > 0;
        const int64_t after = hark__clock();
        CHECK_GE(instant, before);
        CHECK_GE(instant, latest);
        CHECK_LE(instant, after + 10000);
        latest = instant;
    }
    CHECK(built_on > 0 || !soon.rate);
}

TEST(sys_an_instant_for_deadlines_is_the_clock_when_somebody_else_tells_it)
{
    struct hark__soon soon = {0};
    told = (struct timespec){hark__clock() / 1000000000 + 100, 0};
    for (int64_t end = hark__clock() + 1000000; hark__clock() < end;)
        hark__clock_soon(&soon);
    hark__sys.clock_gettime = tell_time;
    soon.few = 0; /* what was read before has grown old */
    for (int i = 0; i < 100; i++) {
        CHECK_EQ(hark__clock_soon(&soon), told.tv_sec * INT64_C(1000000000) + told.tv_nsec);
        told.tv_nsec += 777;
    }
}

static void let_pass(int64_t span)
{
    for (int64_t end = hark__clock() + span; hark__clock() < end;) {}
}

TEST(sys_ticks_that_were_found_behind_the_clock_are_not_used_any_more)
{
    struct hark__soon soon = {0};
    for (int i = 0; i < 1000 && !soon.rate; i++) {
        hark__clock_soon(&soon);
        let_pass(40000);
    }
    if (!soon.rate)
        SKIP("this processor's ticks are not steady");
    const uint64_t rate = soon.rate;
    for (int i = 0; i < 1000 && !soon.distrusted; i++) {
        soon.rate = rate / 2;
        let_pass(200000);
        hark__clock_soon(&soon);
    }
    CHECK(soon.distrusted);
    CHECK_EQ(soon.few, 0);
    let_pass(200000);
    const int64_t instant = hark__clock_soon(&soon);
    CHECK_LE(instant, hark__clock());
    CHECK_EQ(soon.few, 0);
}

/* ---- choices --------------------------------------------------------------------------------- */

TEST(sys_choices_without_a_seed_are_always_the_first)
{
    uint64_t state = 0;
    for (int i = 0; i < 100; i++)
        CHECK_EQ(hark__choices.pick(&state, HARK__CHOOSE_READY, 10), 0);
    CHECK_EQ(state, 0);
}

TEST(sys_choices_of_one_seed_are_the_same_and_reach_everything)
{
    uint64_t a = kit_seed() | 1, b = a;
    int seen[7] = {0};
    for (int i = 0; i < 7000; i++) {
        uint32_t choice = hark__choices.pick(&a, HARK__CHOOSE_CASE, 7);
        CHECK_EQ(hark__choices.pick(&b, HARK__CHOOSE_CASE, 7), choice);
        CHECK_LT(choice, 7);
        seen[choice]++;
    }
    for (int i = 0; i < 7; i++)
        CHECK_GT(seen[i], 700);
    CHECK_EQ(hark__choices.pick(&a, HARK__CHOOSE_YIELD, 1), 0);
    CHECK_EQ(hark__choices.pick(&a, HARK__CHOOSE_YIELD, 0), 0);
}

/* ---- a thread's own room --------------------------------------------------------------------- */

enum { ROOM = 64 };

static void *released;

static void note_release(void *memory)
{
    released = memory;
    free(memory);
}

static void *has_a_room(void *unused)
{
    char *room = hark__thread_room(ROOM);

    (void)unused;
    CHECK(room);
    for (int i = 0; i < ROOM; i++) {
        CHECK_EQ(room[i], 0);
    }
    room[ROOM - 1] = 'x';
    CHECK(hark__thread_room(ROOM) == room);
    return room;
}

TEST(sys_each_thread_has_a_room_of_its_own_until_it_ends)
{
    pthread_t thread;
    void *mine = has_a_room(NULL), *its = NULL;

    hark__memory.release = note_release;
    CHECK_EQ(pthread_create(&thread, NULL, has_a_room, NULL), 0);
    CHECK_EQ(pthread_join(thread, &its), 0);
    CHECK(its != mine);
    CHECK(released == its);
    CHECK(hark__thread_room(ROOM) == mine);
}
