/* SPDX-License-Identifier: MIT
 *
 * 13_explore.c - find a bug that needs bad luck: try every order of events.
 *
 * A pool lends one connection. Its take() has a bug: after it was woken it does not look again
 * whether the connection is still there, and somebody who comes just then may have been faster. In
 * an ordinary run nobody is. hark_explore tries the orders in which somebody is, tells one of them on
 * stderr, and finds that the mended pool has none.
 */
#include <hark.h>
#include <hark/testing.h>
#include <stdio.h>

static bool mended;
static int connections;
static hark_flag given_back;

static void take(void)
{
    if (connections == 0) {
        do {
            hark_flag_clear(&given_back);
            hark_flag_wait(&given_back);
        } while (mended && connections == 0);
    }
    connections--;
    HARK_TEST_CHECK(connections >= 0);
}

static void give_back(void)
{
    connections++;
    hark_flag_set(&given_back);
}

static int client(void *arrival)
{
    hark_sleep(HARK_MS((intptr_t)arrival));
    take();
    hark_sleep(HARK_MS(10));
    give_back();
    return 0;
}

static int day(void *unused)
{
    hark_group clients;

    (void)unused;
    connections = 1;
    hark_flag_init(&given_back);
    hark_group_open(&clients);
    hark_go(&clients, client, (void *)0);
    hark_go(&clients, client, (void *)1);
    hark_go(&clients, client, (void *)12);
    return hark_group_close(&clients, 0);
}

int main(void)
{
    hark_exploration exploration = {.size = sizeof exploration, .name = "the pool", .main = day};
    hark_explored result;
    hark_options options = {.size = sizeof options, .virtual_clock = true};

    printf("an ordinary day ends with %d\n", hark_run_with(&options, day, NULL));
    printf("every order: %s\n", hark_explore(&exploration, &result) == 1 ? "a bug" : "no bug");
    mended = true;
    printf("mended: %s", hark_explore(&exploration, &result) == 0 ? "no bug" : "a bug");
    printf("%s\n", result.complete ? ", in any order" : "");
    return 0;
}
