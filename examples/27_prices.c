/* SPDX-License-Identifier: MIT
 *
 * 27_prices - every listener sees every price, and a slow one is told how many it has missed.
 * The sender never waits for anybody: the last four prices are kept, and who falls behind further
 * goes on with the oldest that is there. Where nobody may miss anything, give each listener a
 * channel.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static int kept[4];
static hark_broadcast prices = HARK_BROADCAST_INIT(kept, sizeof kept[0], 4);

struct listener {
    const char *name;
    int64_t pace;
    hark_subscriber place;
};

static int follow(void *arg)
{
    struct listener *l = arg;
    int price, missed;
    while ((missed = hark_broadcast_recv(&l->place, &price)) >= 0) {
        printf("%s sees %d, has missed %d\n", l->name, price, missed);
        hark_sleep(l->pace); /* cancelled here? The next call will say so */
    }
    return missed == -ENODATA ? 0 : missed;
}

static int send_all(void)
{
    int rc = 0;
    for (int price = 100; price < 110 && rc == 0; price++) {
        hark_broadcast_send(&prices, &price);
        rc = hark_sleep(HARK_MS(10));
    }
    hark_broadcast_close(&prices); /* who listens takes what is kept, and then ends */
    return rc;
}

static int first_task(void *unused)
{
    (void)unused;
    struct listener swift = {.name = "swift"}, slow = {.name = "slow", .pace = HARK_MS(35)};
    hark_group listeners;
    int rc = hark_broadcast_subscribe(&prices, &swift.place);
    rc = rc < 0 ? rc : hark_broadcast_subscribe(&prices, &slow.place);
    hark_group_open(&listeners);
    rc = rc < 0 ? rc : (int)hark_go(&listeners, follow, &swift);
    rc = rc < 0 ? rc : (int)hark_go(&listeners, follow, &slow);
    return hark_group_close(&listeners, rc < 0 ? rc : send_all());
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, NULL) < 0;
}
