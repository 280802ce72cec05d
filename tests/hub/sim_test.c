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

/* ---- which report comes first ---------------------------------------------------------------- */

static uint32_t asked[8], answers[8];
static int questions;

static uint32_t answer(uint64_t *state, enum hark__choice what, uint32_t count)
{
    CHECK_EQ(*state, 0);
    CHECK_EQ(what, HARK__CHOOSE_REPORT);
    asked[questions] = count;
    return answers[questions++];
}

TEST(sim_M2_an_explorer_picks_which_is_reported_first)
{
    hark__hub *hub = open_sim();
    hark__choices.pick = answer;
    for (int fd = 0; fd < 4; fd++) {
        CHECK_EQ(hub->class->arm(hub, fd, POLLIN, (uint64_t)fd), 0);
        hark__sim_ready(hub, fd, POLLIN);
    }
    memcpy(answers, (uint32_t[]){2, 0, 1}, 3 * sizeof answers[0]);
    log_reports(hub, 16);
    CHECK_LOG("2:1 0:1 3:1 1:1");
    CHECK_EQ(questions, 3); /* one alone is no choice */
    for (uint32_t i = 0; i < 3; i++)
        CHECK_EQ(asked[i], 4 - i);
    hub->class->close(hub);
}

TEST(sim_M2_the_place_in_the_queue_is_lost_with_the_edge)
{
    hark__hub *hub = open_sim();
    for (int fd = 0; fd < 4; fd++) {
        CHECK_EQ(hub->class->arm(hub, fd, POLLIN, (uint64_t)fd), 0);
        hark__sim_ready(hub, fd, POLLIN);
    }
    hark__sim_unready(hub, 0, POLLIN);
    hark__sim_ready(hub, 0, POLLOUT);
    hark__sim_unready(hub, 2, POLLIN);
    CHECK_EQ(hub->class->disarm(hub, 3, 3), 0);
    log_reports(hub, 16);
    CHECK_LOG("1:1 0:4");
    hub->class->close(hub);
}

TEST(sim_M5_pending_is_what_the_next_poll_reports)
{
    hark__hub *hub = open_sim();
    CHECK(!hark__sim_pending(hub));
    hark__sim_ready(hub, 1, POLLIN);
    CHECK(!hark__sim_pending(hub)); /* nobody asked */
    CHECK_EQ(hub->class->arm(hub, 1, POLLIN, 1), 0);
    CHECK(hark__sim_pending(hub));
    hark__sim_unready(hub, 1, POLLIN);
    CHECK(!hark__sim_pending(hub));
    hark__sim_ready(hub, 1, POLLIN | POLLOUT);
    hark__sim_unready(hub, 1, POLLIN);
    CHECK(hark__sim_pending(hub));
    log_reports(hub, 16);
    CHECK(!hark__sim_pending(hub));
    CHECK_LOG("1:4");
    hub->class->close(hub);
}

/* ---- numbers --------------------------------------------------------------------------------- */

TEST(sim_M4_what_was_forgotten_begins_clean)
{
    hark__hub *hub = open_sim();
    hark__sim_forget(hub, 5); /* never heard of */
    CHECK_EQ(hub->class->arm(hub, 5, POLLIN, 50), 0);
    hark__sim_ready(hub, 5, POLLIN);
    hark__sim_forget(hub, 5);
    CHECK(!hark__sim_pending(hub));
    CHECK_EQ(hub->class->arm(hub, 5, POLLIN, 51), -EBADF);
    CHECK_EQ(hub->class->disarm(hub, 5, 50), 0);
    hark__sim_ready(hub, 5, POLLOUT); /* the next owner; the old registration is gone */
    log_reports(hub, 16);
    CHECK_LOG("");
    CHECK_EQ(hub->class->arm(hub, 5, POLLIN, 52), 0);
    log_reports(hub, 16);
    CHECK_LOG("52:4");
    hub->class->close(hub);
}

TEST(sim_M4_large_numbers_cost_little)
{
    hark__hub *hub = open_sim();
    size_t before = hark__alloc_live();
    for (int fd = 1 << 14; fd < (1 << 14) + 32; fd++) {
        CHECK_EQ(hub->class->arm(hub, fd, POLLIN, (uint64_t)fd), 0);
        hark__sim_ready(hub, fd, POLLIN);
    }
    CHECK_LE(hark__alloc_live() - before, 8192);
    struct hark__report reports[64];
    CHECK_EQ(hub->class->poll(hub, 0, reports, 64), 32);
    for (int i = 0; i < 32; i++)
        CHECK_EQ(reports[i].token, (1 << 14) + i);
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
    CHECK_EQ(hub->class->fd(hub), -EOPNOTSUPP);
    hub->class->close(hub);
}
