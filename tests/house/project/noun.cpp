// SPDX-License-Identifier: MIT
//
// noun.cpp - the same from C++: one noun's header first, lambdas as bodies, and exceptions that are
// being handled while their tasks wait.
#include <hark/event.h>

#include <cstdio>
#include <hark.h>
#include <stdexcept>
#include <string>

static int mixed_up;

static int throws_and_waits(void *arg)
{
    const std::string mine = "task " + std::to_string(*static_cast<int *>(arg));
    for (int i = 0; i < 20; i++) {
        try {
            throw std::runtime_error(mine);
        } catch (const std::exception &) {
            hark_yield(); // the others throw and catch meanwhile
            try {
                throw;
            } catch (const std::exception &again) {
                mixed_up += again.what() != mine;
            }
        }
    }
    return 0;
}

static int wakes(void *arg)
{
    hark_event *e = static_cast<hark_event *>(arg);
    hark_group g;
    int numbers[] = {1, 2, 3};
    hark_group_open(&g);
    for (int &number : numbers) {
        hark_go(&g, throws_and_waits, &number);
    }
    hark_go(&g, [](void *event) { return hark_event_set(static_cast<hark_event *>(event)); }, e);
    return hark_group_close(&g, hark_event_wait(e));
}

int main()
{
    static hark_event event;
    const int rc = hark_run(wakes, &event);
    std::puts(rc != 0 ? hark_error_last() : mixed_up ? "mixed up" : "woken");
    return rc != 0;
}
