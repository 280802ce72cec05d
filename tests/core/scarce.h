/* SPDX-License-Identifier: MIT
 *
 * scarce.h - one allocation, one mapping or one moment of the clock that is not as usual.
 *
 * Idea     lack_memory(k) lets the k-th allocation from then on fail, once; lack_maps(k) does so to
 *          mappings; k = -1: all fail. lacked() says whether that has happened, and ends it. A
 *          call is tried with k = 1, 2, ... until it needed fewer: so every one of its allocations
 *          has failed once.
 *          clock_ahead() moves the real clock, so that nobody has to sleep.
 * Not here Failing system calls: a test that needs one puts its own into hark__sys.
 */
#ifndef HARK_TESTS_SCARCE_H
#define HARK_TESTS_SCARCE_H

#include "kit.h"

#include <sys/mman.h>

#include "base/sys.h"

#define SCARCE_MAYBE __attribute__((unused)) static

static struct {
    struct hark__memory memory;
    void *(*mmap)(void *, size_t, int, int, int, off_t);
    int (*clock_gettime)(clockid_t, struct timespec *);
    bool there, failed;
    int memory_left, maps_left; /* until one fails; 0: none does, -1: all do */
    int64_t ahead;
} scarce;

static bool is_the_one(int *left)
{
    if (*left == 0 || (*left > 0 && --*left > 0)) {
        return false;
    }
    scarce.failed = true;
    return true;
}

static void *scarce_allocate(size_t size)
{
    return is_the_one(&scarce.memory_left) ? NULL : scarce.memory.allocate(size);
}

static void *scarce_resize(void *old, size_t size)
{
    return is_the_one(&scarce.memory_left) ? NULL : scarce.memory.resize(old, size);
}

static void *scarce_mmap(void *address, size_t length, int protection, int flags, int fd, off_t at)
{
    if (is_the_one(&scarce.maps_left)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return scarce.mmap(address, length, protection, flags, fd, at);
}

static int scarce_clock(clockid_t clock, struct timespec *time)
{
    const int rc = scarce.clock_gettime(clock, time);
    const int64_t ns = time->tv_nsec + scarce.ahead;
    time->tv_sec += ns / 1000000000;
    time->tv_nsec = ns % 1000000000;
    return rc;
}

static void scarce_begin(void)
{
    if (!scarce.there) {
        scarce.there = true;
        scarce.memory = hark__memory;
        scarce.mmap = hark__sys.mmap;
        scarce.clock_gettime = hark__sys.clock_gettime;
        hark__memory.allocate = scarce_allocate;
        hark__memory.resize = scarce_resize;
        hark__sys.mmap = scarce_mmap;
        hark__sys.clock_gettime = scarce_clock;
    }
}

SCARCE_MAYBE void lack_memory(int which)
{
    scarce_begin();
    scarce.failed = false;
    scarce.memory_left = which;
}

SCARCE_MAYBE void lack_maps(int which)
{
    scarce_begin();
    scarce.failed = false;
    scarce.maps_left = which;
}

SCARCE_MAYBE bool lacked(void)
{
    scarce.memory_left = scarce.maps_left = 0;
    return scarce.failed;
}

SCARCE_MAYBE void clock_ahead(int64_t ns)
{
    scarce_begin();
    scarce.ahead += ns;
}

#endif
