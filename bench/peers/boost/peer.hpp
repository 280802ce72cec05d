/* SPDX-License-Identifier: MIT
 *
 * Boost.Fiber: what its programs share: an event made of its mutex and condition variable, and
 * stacks of 64 KiB from its pool, unguarded, the fastest that it has.
 */
#pragma once
#include "../../bench.h"
#include <boost/fiber/all.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>
#include <vector>

namespace fibers = boost::fibers;

struct event {
    fibers::mutex mutex;
    fibers::condition_variable changed;
    bool is_set = false;

    void set()
    {
        std::unique_lock<fibers::mutex> hold(mutex);
        is_set = true;
        changed.notify_all();
    }

    void wait()
    {
        std::unique_lock<fibers::mutex> hold(mutex);
        changed.wait(hold, [this] { return is_set; });
    }

    void clear()
    {
        is_set = false;
    }
};

inline fibers::pooled_fixedsize_stack &stacks()
{
    static fibers::pooled_fixedsize_stack pool(65536);
    return pool;
}

/* A parked fiber takes some 15 KiB here: rather not begin than push the machine to its end. */
inline void must_fit(long n)
{
    long kib = 0;
    char line[128];
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "MemAvailable: %ld", &kib);
    if (f)
        fclose(f);
    if (kib > 0 && n * 16 > kib / 4 * 3)
        bench_skip("so many fibers need more memory than there is");
}

template <class Body> fibers::fiber spawn(Body body)
{
    return fibers::fiber(fibers::launch::post, std::allocator_arg, stacks(), body);
}
