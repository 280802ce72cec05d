/* SPDX-License-Identifier: MIT
 *
 * checker_test.c - what every stream promises, kept by TLS: over sockets all of it; over memory
 * with room, with room for one byte, and in lockstep, all but what cannot be.
 *
 * Rules    1  Over memory there is no descriptor. So when a writer was cut short, the rest of its
 *             record is sent with whatever is said next, and a test that says nothing more would
 *             wait for it in vain: UNSAID.
 *          2  In lockstep a goodbye has no room: a half-close waits for a reader, and close does
 *             not wait, which is a cut (stream_L1_close_without_room_is_a_cut): NARROW.
 */
#include "../io/stream_checker.h"

#include "pair.h"

static int make_over(hark_stream *one, hark_stream *other)
{
    if (!certs_count) {
        begin_options();
        open_contexts();
    }
    shake();
    *one = client;
    *other = server;
    client = server = (hark_stream)HARK_STREAM_INIT;
    return 0;
}

static void unmake(void)
{
    if (certs_count) {
        close_contexts();
    }
}

static int make_memory(hark_stream *one, hark_stream *other)
{
    pair_in_memory(1 << 16);
    return make_over(one, other);
}

static int make_one_byte(hark_stream *one, hark_stream *other)
{
    pair_in_memory(1);
    return make_over(one, other);
}

static int make_lockstep(hark_stream *one, hark_stream *other)
{
    pair_in_memory(0);
    return make_over(one, other);
}

static int make_sockets(hark_stream *one, hark_stream *other)
{
    pair_of_sockets();
    return make_over(one, other);
}

static const struct stream_kind tls_over_memory = {
    .make = make_memory,
    .unmake = unmake,
    .holds = 16384,
    .no_fd = true,
    .no_peers = true,
};
static const struct stream_kind tls_over_one_byte = {
    .make = make_one_byte,
    .unmake = unmake,
    .no_fd = true,
    .no_peers = true,
};
static const struct stream_kind tls_in_lockstep = {
    .make = make_lockstep,
    .unmake = unmake,
    .no_fd = true,
    .no_peers = true,
};
static const struct stream_kind tls_over_sockets = {
    .make = make_sockets,
    .unmake = unmake,
    .holds = 16384,
};

STREAM_HALF_CLOSEABLE(tls_over_sockets, TEST, RUN)

/* ---- lists with holes ------------------------------------------------------------------------ */

#define SECOND_(first, second, ...) second
#define SECOND(...)                 SECOND_(__VA_ARGS__)
#define KEEP(promise, ...)          STREAM_TEST(promise, __VA_ARGS__)
#define DROP(promise, ...)

#define UNSAID_a_cancelled_clogged_write_tells_how_much ~, DROP
#define UNSAID_a_clogged_write_keeps_its_deadline       ~, DROP
#define UNSAID_a_second_writer_is_refused               ~, DROP
#define UNSAID_half_closing_under_a_writer_is_refused   ~, DROP
#define BUT_UNSAID(promise, ...)                        SECOND(UNSAID_##promise, KEEP, ~)(promise, __VA_ARGS__)

#define NARROW_N1_a_mebibyte_arrives_as_it_was_sent     ~, DROP
#define NARROW_N5_after_the_end_one_may_still_write     ~, DROP
#define NARROW_a_cancelled_clogged_write_tells_how_much ~, DROP
#define NARROW_a_clogged_write_keeps_its_deadline       ~, DROP
#define NARROW_a_copy_goes_on_until_the_end             ~, DROP
#define NARROW_a_last_line_may_be_too_long              ~, DROP
#define NARROW_a_last_line_may_end_in_cr                ~, DROP
#define NARROW_a_mark_that_does_not_come_leaves_all     ~, DROP
#define NARROW_a_peek_at_the_end_sees_what_is_left      ~, DROP
#define NARROW_a_second_writer_is_refused               ~, DROP
#define NARROW_finishing_in_a_cancelled_scope_closes    ~, DROP
#define NARROW_finishing_that_is_cut_short_closes       ~, DROP
#define NARROW_finishing_when_both_have_ended           ~, DROP
#define NARROW_finishing_while_somebody_reads_closes    ~, DROP
#define NARROW_half_closes_meet                         ~, DROP
#define NARROW_half_closing_twice_is_fine               ~, DROP
#define NARROW_half_closing_under_a_reader_is_fine      ~, DROP
#define NARROW_half_closing_under_a_writer_is_refused   ~, DROP
#define NARROW_half_closing_when_the_other_has_gone     ~, DROP
#define NARROW_lines_come_without_their_ends            ~, DROP
#define NARROW_read_full_says_how_early_the_end_was     ~, DROP
#define NARROW_the_end_stays_the_end                    ~, DROP
#define NARROW_what_is_half_closed_is_not_written       ~, DROP
#define BUT_NARROW(promise, ...)                        SECOND(NARROW_##promise, KEEP, ~)(promise, __VA_ARGS__)

#define ALL_BUT(filter, kind) \
    STREAM_PROMISES_ONE_WAY(filter, kind, TEST, RUN_VIRTUAL) \
    STREAM_PROMISES_TWO_WAY(filter, kind, TEST, RUN_VIRTUAL) \
    STREAM_PROMISES_HALF_CLOSEABLE(filter, kind, TEST, RUN_VIRTUAL)

ALL_BUT(BUT_UNSAID, tls_over_memory)
ALL_BUT(BUT_NARROW, tls_over_one_byte)
ALL_BUT(BUT_NARROW, tls_in_lockstep)
