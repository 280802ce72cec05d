// SPDX-License-Identifier: MIT
//
// noun.cpp - the same from C++, with one noun's header first.
#include <hark/event.h>

#include <cstdio>
#include <hark.h>

int main()
{
    static hark_event event;
    const int rc = hark_run(
        [](void *arg) {
            hark_event *e = static_cast<hark_event *>(arg);
            const int set = hark_event_set(e);
            return set == 0 ? hark_event_wait(e) : set;
        },
        &event);
    std::puts(rc == 0 ? "woken" : hark_error_last());
    return rc != 0;
}
