/* SPDX-License-Identifier: MIT
 *
 * explore_test.c - two sessions in orders drawn at random, and with every fault: each task
 * cancelled at each step, the run stopped, each allocation of hark's refused (L5).
 *
 * Rules    1  A handshake takes a millisecond, a hundred times what a model's schedule takes, so
 *             not all orders are tried, and this is no model of the ledger.
 *          2  The contexts are made once in a process, in a thread of their own, for one of the
 *             loop's would be none of the explorer's. No tickets: schedules are like one another.
 *          3  What is read is what was written, in order; an end is said only when the writer has
 *             said it, and then nothing is missing; all streams are closed.
 */
#include "pair.h"

#include <hark/testing.h>

enum { PIECE = 3000, PIECES = 2, ROOM = 2000 };

static size_t sent, got; /* bytes: accepted by the client's session, read from the server's */
static bool said_end, heard_end;
static bool with_closer; /* a third task closes the client's session when it likes */

static void *make_contexts(void *arg)
{
    (void)arg;
    begin_options();
    ask.no_resumption = serve.no_resumption = true;
    ask.handshake = serve.handshake = HARK_FOREVER; /* here time may go on at any step */
    open_contexts();
    certs_end();
    return NULL;
}

static int be_client(void *arg)
{
    unsigned char bytes[PIECE];
    ssize_t count = 1;

    (void)arg;
    if (hark_tls_client(&client, asks, &near, "localhost") < 0) {
        HARK_TEST_CHECK(!near.kind && !client.kind);
        return 0;
    }
    while (sent < PIECE * PIECES && count > 0) {
        for (size_t i = 0; i < PIECE; i++) {
            bytes[i] = tls_byte(sent + i);
        }
        count = hark_stream_write(&client, bytes, PIECE);
        sent += count > 0 ? (size_t)count : 0;
    }
    said_end = count > 0;
    if (hark_stream_half_close(&client) == 0) {
        hark_stream_read(&client, bytes, 1);
    }
    const int rc = hark_stream_close(&client);
    HARK_TEST_CHECK(rc == 0 || (with_closer && rc == -EBADF));
    return 0;
}

static int be_closer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 30 && !client.kind; i++) {
        hark_yield();
    }
    for (int i = hark_test_choose(12); i > 0; i--) {
        hark_yield();
    }
    hark_stream_close(&client);
    return 0;
}

static int be_server(void *arg)
{
    unsigned char bytes[700];
    ssize_t count;

    (void)arg;
    if (hark_tls_server(&server, serves, &far) < 0) {
        HARK_TEST_CHECK(!far.kind && !server.kind);
        return 0;
    }
    while ((count = hark_stream_read(&server, bytes, sizeof bytes)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            HARK_TEST_CHECK(bytes[i] == tls_byte(got + (size_t)i));
        }
        got += (size_t)count;
    }
    heard_end = count == 0;
    HARK_TEST_CHECK(hark_stream_close(&server) == 0);
    return 0;
}

static int two_sessions(void *arg)
{
    hark_group both;

    (void)arg;
    if (!asks) {
        in_thread(make_contexts, NULL);
    }
    sent = got = 0;
    said_end = heard_end = false;
    if (hark_stream_pair(&near, &far, ROOM) < 0) {
        return 0;
    }
    HARK_TEST_CHECK(hark_group_open(&both) == 0);
    const hark_task one = hark_go(&both, be_client, NULL), other = hark_go(&both, be_server, NULL);
    if (one < 0) {
        hark_stream_close(&near);
    }
    if (other < 0) {
        hark_stream_close(&far);
    }
    if (with_closer) {
        hark_go(&both, be_closer, NULL);
    }
    hark_group_close(&both, 0);
    HARK_TEST_CHECK(!near.kind && !far.kind && !client.kind && !server.kind);
    /* A write that was closed under may have arrived all the same. */
    HARK_TEST_CHECK(got <= sent + (with_closer ? PIECE : 0));
    HARK_TEST_CHECK(!heard_end || got == sent);
    HARK_TEST_CHECK(hark_test_disturbed() || with_closer ||
                    (heard_end && said_end && got == PIECE * PIECES));
    return 0;
}

static void explore(enum hark_strategy strategy, unsigned faults, uint64_t schedules)
{
    hark_explored result;
    const hark_exploration exploration = {
        .size = sizeof exploration,
        .name = "two_sessions",
        .main = two_sessions,
        .strategy = strategy,
        .schedules = schedules,
        .seed = kit_seed(),
        .faults = faults,
    };

    CHECK_EQ(hark_explore(&exploration, &result), 0);
    CHECK_GT(result.schedules, 1);
    CHECK(!faults || result.faults > 0);
    printf("%" PRIu64 " schedules, %" PRIu64 " faults\n", result.schedules, result.faults);
}

TEST_TIMEOUT(explore_two_sessions_in_orders_drawn_by_pct, 60)
{
    explore(HARK_EXPLORE_PCT, 0, 300 / (uint64_t)kit_slow());
}

TEST_TIMEOUT(explore_two_sessions_in_orders_drawn_evenly, 60)
{
    explore(HARK_EXPLORE_RANDOM, 0, 300 / (uint64_t)kit_slow());
}

TEST_TIMEOUT(explore_stream_L5_two_sessions_with_every_fault, 60)
{
    explore(HARK_EXPLORE_ALL, HARK_FAULT_ALL, 1);
}

TEST_TIMEOUT(explore_two_sessions_and_one_who_closes, 60)
{
    with_closer = true;
    explore(HARK_EXPLORE_RANDOM, 0, 300 / (uint64_t)kit_slow());
    explore(HARK_EXPLORE_PCT, 0, 300 / (uint64_t)kit_slow());
}
