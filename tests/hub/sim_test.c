/* SPDX-License-Identifier: MIT
 *
 * sim_test.c - the simulated hub: edges, their order, and time that is only counted.
 */
#include "hub/hub.h"
#include "base/sys.h"
#include "kit.h"

static hark__hub *open_sim(void)
{
    hark__hub *hub;
    CHECK_EQ(hark__hub_open(&hub, "sim"), 0);
    return hub;
}

static void log_reports(hark__hub *hub, int max)
{
    struct hark__report reports[16];
    int count = hub->class->poll(hub, 0, reports, max);
    for (int i = 0; i < count; i++)
        kit_log("%d:%d", (int)reports[i].token, reports[i].events);
}

TEST(sim_M1_reports_edges_and_not_levels)
{
    hark__hub *hub = open_sim();
    CHECK_EQ(hub->class->arm(hub, 3, POLLIN, 30), 0);
    hark__sim_ready(hub, 3, POLLIN);
    hark__sim_ready(hub, 3, POLLOUT);
    log_reports(hub, 16);
    log_reports(hub, 16);
    CHECK_LOG("30:5");
    hark__sim_ready(hub, 3, POLLIN);
    log_reports(hub, 16);
    CHECK_LOG("30:1");
    hub->class->close(hub);
}

TEST(sim_M1_reports_what_was_ready_before)
{
    hark__hub *hub = open_sim();
    hark__sim_ready(hub, 1000, POLLIN);
    log_reports(hub, 16);
    CHECK_EQ(hub->class->arm(hub, 1000, POLLIN, 9), 0);
    log_reports(hub, 16);
    CHECK_LOG("9:1");
    hub->class->close(hub);
}

TEST(sim_M2_reports_in_the_order_of_the_edges)
{
    hark__hub *hub = open_sim();
    for (int fd = 0; fd < 5; fd++)
        CHECK_EQ(hub->class->arm(hub, fd, POLLIN, (uint64_t)fd), 0);
    hark__sim_ready(hub, 4, POLLIN);
    hark__sim_ready(hub, 0, POLLIN);
    hark__sim_ready(hub, 2, POLLIN);
    hark__sim_ready(hub, 4, POLLOUT);
    log_reports(hub, 2);
    hark__sim_ready(hub, 4, POLLIN);
    log_reports(hub, 2);
    log_reports(hub, 2);
    CHECK_LOG("4:5 0:1 2:1 4:1");
    hub->class->close(hub);
}

TEST(sim_M3_what_is_unready_or_disarmed_again_is_not_reported)
{
    hark__hub *hub = open_sim();
    CHECK_EQ(hub->class->arm(hub, 1, POLLIN, 1), 0);
    CHECK_EQ(hub->class->arm(hub, 2, POLLIN, 2), 0);
    hark__sim_ready(hub, 1, POLLIN);
    hark__sim_ready(hub, 2, POLLIN);
    hark__sim_unready(hub, 1, POLLIN);
    CHECK_EQ(hub->class->disarm(hub, 2, 2), 0);
    log_reports(hub, 16);
    CHECK_LOG("");
    CHECK_EQ(hub->class->arm(hub, 2, POLLIN, 3), 0);
    log_reports(hub, 16);
    CHECK_LOG("3:1");
    hub->class->close(hub);
}

TEST(sim_never_sleeps_and_counts_what_it_would_have)
{
    hark__hub *hub = open_sim();
    struct hark__report report;
    CHECK_EQ(hub->class->poll(hub, INT64_C(3600000000000), &report, 1), 0);
    CHECK_EQ(hub->class->poll(hub, 5, &report, 1), 0);
    CHECK_EQ(hub->class->poll(hub, 0, &report, 1), 0);
    CHECK_EQ(hub->class->poll(hub, -1, &report, 1), 0);
    CHECK_EQ(hark__sim_slept(hub), INT64_C(3600000000005));
    CHECK_EQ(hub->class->arm(hub, 0, POLLIN, 1), 0);
    hark__sim_ready(hub, 0, POLLIN);
    CHECK_EQ(hub->class->poll(hub, 7, &report, 1), 1);
    CHECK_EQ(hark__sim_slept(hub), INT64_C(3600000000005));
    CHECK_EQ(hub->class->fd(hub), -1);
    hub->class->close(hub);
}
