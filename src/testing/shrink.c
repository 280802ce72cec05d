/* SPDX-License-Identifier: MIT
 *
 * shrink.c - makes a failing schedule as short and as plain as it gets.
 *
 * Idea     Way 0 is the plain way at every choice, so a schedule is plainer the fewer of its
 *          choices are not 0, and shorter the earlier the last of them stands. First its end is cut
 *          off, in ever smaller pieces; then what is left is set to 0, in ever smaller pieces, from
 *          the last to the first; and again, until nothing more can go. Whatever still fails is
 *          kept, with its words: a simpler failure of another kind is welcome.
 * Cost     Each attempt is a child process: some hundred in all.
 */
#include <string.h>

#include "testing/testing.h"

#define ATTEMPTS_MOST 400

struct shrinking {
    const hark_exploration *options;
    struct hark__board *board;
    hark__fails *fails;
    struct hark__trace *best;
    char words[sizeof(((hark_explored *)NULL)->words)]; /* the best one's */
    int attempts;
};

/* The board's trace is an attempt; it becomes the best one if it fails. */
static bool attempt(struct shrinking *s)
{
    if (s->attempts++ >= ATTEMPTS_MOST || !s->fails(s->options, s->board)) {
        return false;
    }
    s->board->trace.length = hark__trace_significant(&s->board->trace);
    if (s->board->trace.length > s->best->length) {
        return false; /* bent, it has become a longer one */
    }
    *s->best = s->board->trace;
    memcpy(s->words, s->board->result.words, sizeof s->words);
    return true;
}

static bool attempt_cut(struct shrinking *s, uint32_t length)
{
    s->board->trace = *s->best;
    s->board->trace.length = length;
    return attempt(s);
}

/* True: a piece of it could be set to 0. */
static bool attempt_plainer(struct shrinking *s, uint32_t from, uint32_t piece)
{
    bool any = false;

    s->board->trace = *s->best;
    for (uint32_t place = from; place < from + piece; place++) {
        any |= s->best->path[place].taken != 0;
        s->board->trace.path[place].taken = 0;
    }
    return any && attempt(s);
}

static bool cut(struct shrinking *s)
{
    bool any = false;

    for (uint32_t piece = s->best->length; piece > 0; piece /= 2) {
        while (piece <= s->best->length && attempt_cut(s, s->best->length - piece)) {
            any = true;
        }
    }
    return any;
}

static bool make_plain(struct shrinking *s)
{
    bool any = false;

    for (uint32_t piece = s->best->length; piece > 0; piece /= 2) {
        for (uint32_t end = s->best->length; end > 0; end -= end < piece ? end : piece) {
            uint32_t from = end < piece ? 0 : end - piece;
            any |= end <= s->best->length && attempt_plainer(s, from, end - from);
        }
    }
    return any;
}

void hark__shrink(const hark_exploration *options, struct hark__board *board, hark__fails *fails)
{
    struct shrinking s = {
        .options = options, .board = board, .fails = fails, .best = hark__alloc(sizeof *s.best)};

    if (!s.best) {
        return; /* long is better than nothing */
    }
    *s.best = board->trace;
    memcpy(s.words, board->result.words, sizeof s.words);
    s.best->length = hark__trace_significant(s.best);
    while (cut(&s) || make_plain(&s)) {}
    board->trace = *s.best;
    memcpy(board->result.words, s.words, sizeof s.words);
    hark__free(s.best, sizeof *s.best);
}
