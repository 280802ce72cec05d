/* SPDX-License-Identifier: MIT
 *
 * retry.c - try again, later each time; hark/retry.h has the promises.
 *
 * Idea     A loop around a call and a sleep. What is not plain is chance: programs that failed
 *          together, in one process or in many, must draw differently, and a run with a seed or
 *          with a virtual clock must draw the same each time. So a seed's generator draws where
 *          there is one; else the loop's own number, which moves on with each draw, is mixed
 *          with the instant: that of the real clock no two programs share, and that of a virtual
 *          clock is always the same.
 *
 *          An explorer would have to try every number; it is asked for the two ends only, the
 *          longest sleep first. What only a sleep between them would show, it does not find.
 * Rules    I10 -ECANCELED ends it, whoever says it.
 *          I11 No sleep is longer than `most`, and nothing overflows on the way there.
 *          I12 Words are put in front of those of the last try only if that try has said some.
 * Not here Deadlines: scope.c.
 */
#include <hark/retry.h>
#include <string.h>

#include "core/core.h"
#include "sync/sync.h"

#define FINE 20 /* bits of chance: a sleep is so many 2^-20ths of the longest */

static const char call_name[] = "hark_retry";

/* ---- how long -------------------------------------------------------------------------------- */

static uint32_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u; /* splitmix64's */
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (uint32_t)(x >> 32);
}

/* 0 to 2^FINE. */
static uint32_t draw(hark_loop *loop)
{
    /* An explorer's: the longest comes first, that is the plainest. */
    if (hark__choices.between) {
        return hark__choices.pick(&loop->random, HARK__CHOOSE_OWN, 2) ? 0 : 1u << FINE;
    }
    if (loop->random) {
        return hark__choices.pick(&loop->random, HARK__CHOOSE_OWN, (1u << FINE) + 1);
    }
    loop->fair_turn = loop->fair_turn * 1664525u + 1013904223u;
    return mix((uint64_t)hark__loop_now(loop) + ((uint64_t)loop->fair_turn << 32)) >> (32 - FINE);
}

/* That part of it, rounded down. */
static int64_t part(int64_t whole, uint32_t parts)
{
    int64_t low = whole & ((1 << FINE) - 1);

    return (whole >> FINE) * parts + (low * parts >> FINE);
}

static int64_t drawn(const hark_backoff *how, int64_t longest)
{
    return how->steady ? longest : part(longest, draw(hark__here));
}

static int64_t doubled(const hark_backoff *how, int64_t longest)
{
    return longest > how->most / 2 ? how->most : 2 * longest;
}

/* ---- whether --------------------------------------------------------------------------------- */

static bool is_misuse(int code)
{
    return code == -EINVAL || code == -EPERM || code == -EBADF || code == -EXDEV || code == -ENOTSUP;
}

static bool is_worth_it(const hark_backoff *how, int code, void *arg)
{
    if (code >= 0 || code == -ECANCELED) {
        return false;
    }
    return how->again ? how->again(code, arg) : !is_misuse(code);
}

/* The defaults, where nothing is said. */
static int check(hark_backoff *how, hark_fn *fn)
{
    if (!fn) {
        return hark__fail(-EINVAL, call_name, "the function is NULL");
    }
    if (how->tries < 0 || how->first < 0 || how->most < 0) {
        return hark__fail(-EINVAL, call_name,
                          "%d tries, sleeping %lld to %lld ns; give 0 (the default) or more",
                          how->tries, (long long)how->first, (long long)how->most);
    }
    how->tries = how->tries ? how->tries : 5;
    how->first = how->first ? how->first : HARK_MS(100);
    how->most = how->most ? how->most : HARK_S(10);
    how->first = how->first < how->most ? how->first : how->most;
    return 0;
}

/* ---- trying, and in words -------------------------------------------------------------------- */

/* The calling task's latest failure, to be changed; NULL: none. */
static struct hark__failure *last_failure(void)
{
    return (struct hark__failure *)hark__failure_of(hark__here->running);
}

/* *says: did it fail in words? What was said before is out of sight meanwhile. */
static int try_once(hark_fn *fn, void *arg, bool *says)
{
    struct hark__failure *before = last_failure(), *after;
    int code_before = before ? before->code : 0, code;

    if (before) {
        before->code = 0;
    }
    code = hark__call(fn, arg);
    after = last_failure();
    *says = after && after->code;
    if (before && !before->code) {
        before->code = code_before;
    }
    return code;
}

/* Of a failure that was recorded the place stays, and its words stay behind the new ones. */
static int say_how_often(int code, int tries, int64_t began, bool says)
{
    struct hark__failure *last = last_failure();
    char how_long[32], words[sizeof last->words];
    const char *name = strerrorname_np(-code);
    struct hark__text text;

    hark__text_to_string(&text, how_long, sizeof how_long);
    hark__text_duration(&text, hark__loop_now(hark__here) - began);
    if (!says) {
        return hark__fail(code, call_name, "%d tries in %s, the last one without words (%s)", tries,
                          how_long, name ? name : "an unknown code");
    }
    memcpy(words, last->words, sizeof words);
    hark__text_to_string(&text, last->words, sizeof last->words);
    hark__text_put(&text, "%s: %d tries in %s, the last one: %s", call_name, tries, how_long, words);
    return code;
}

/* Rule I10: of a sleep that was cut short its own result tells, for a shield may have come in between;
 * of a cancellation after its end, the checkpoint before the next try. */
int hark_retry(const hark_backoff *how, hark_fn *fn, void *arg)
{
    hark_backoff by = how ? *how : (hark_backoff){0};
    int error = check(&by, fn), tried = 0, code;
    int64_t began = hark_now(), longest = by.first;
    bool says;

    if (error) {
        return error;
    }
    while ((!error && !(error = hark__enter_task(call_name))) ||
           planted(retry_goes_on_when_cancelled)) {
        code = try_once(fn, arg, &says);
        tried++;
        if (!is_worth_it(&by, code, arg)) {
            return code;
        }
        if (tried >= by.tries + planted(retry_tries_once_more)) {
            return tried > 1 && code != -EAGAIN ? say_how_often(code, tried, began, says) : code;
        }
        error = hark_sleep(drawn(&by, longest));
        longest = doubled(&by, longest);
    }
    return error;
}
