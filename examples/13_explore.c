/* SPDX-License-Identifier: MIT
 *
 * 13_explore - find a bug that needs bad luck: try every order of events.
 * A pool lends one connection. Whoever waited for it takes it without looking again, though somebody
 * who came just then may have been faster. A calm day goes well; hark_explore finds a bad one, tells it
 * on stderr, and finds that the mended pool has none.
 */
#include <hark.h>
#include <hark/testing.h>
#include <stdio.h>

static int connections, mended;
static hark_flag given_back;

static void take(void)
{
    while (connections == 0) {
        hark_flag_clear(&given_back);
        hark_flag_wait(&given_back);
        if (!mended) {
            break; /* the bug */
        }
    }
    connections--;
    HARK_TEST_CHECK(connections >= 0);
}

static int client(void *arrival)
{
    hark_sleep(HARK_MS((intptr_t)arrival));
    take();
    hark_sleep(HARK_MS(10));
    connections++; /* give it back */
    return hark_flag_set(&given_back);
}

static int day(void *unused)
{
    (void)unused;
    hark_group clients;
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
    hark_options calm = {.size = sizeof calm, .virtual_clock = true};
    hark_exploration orders = {.size = sizeof orders, .name = "the pool", .main = day};
    hark_explored result;
    printf("a calm day ends with %d\n", hark_run_with(&calm, day, NULL));
    printf("some order: %s\n", hark_explore(&orders, &result) == 1 ? "a bug" : "no bug");
    mended = 1;
    printf("mended: %s\n", hark_explore(&orders, &result) == 0 ? "no bug" : "a bug");
    return !result.complete; /* all orders were tried */
}
