/* SPDX-License-Identifier: MIT
 *
 * goals.c - what was wished for, whether it was reached, and the sum of it at the end of a run.
 *
 * A goal belongs to a key (questions.c) and is judged in each case that is large enough for it. A
 * missed goal is a line in a table and in a document, never a failure: a time is no test.
 *
 * Rules
 *   1  A ratio is the median of ratios, each made within a round; its two sides never come from
 *      different rounds.
 *   2  Hark is judged as its users meet it: on the hub that it takes by itself, if several answer.
 *   3  A goal without its other side (no such peer here, no limit) is not judged, and not counted
 *      as reached.
 */
#include "driver.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The hubs are asked in the order in which hark itself tries them, so the first is its own. */
static int champion(const contest *c, int key)
{
    for (int i = 0; i < c->count; i++)
        if (c->who[i].kind == HARK && contest_summary(c, i, key).runs > 0)
            return i;
    return -1;
}

static int peer_called(const contest *c, const char *name, int key)
{
    for (int i = 0; i < c->count; i++)
        if (c->who[i].kind == PEER && strncmp(c->who[i].name, name, strlen(name)) == 0 &&
            contest_summary(c, i, key).runs > 0)
            return i;
    return -1;
}

/* In one round: that which the goal is measured against; NAN: it is not there. */
static double base_of(const contest *c, const goal *g, int key, int peer, int round)
{
    int other;
    switch (g->to) {
    case TO_LIMIT: return contest_best(c, LIMIT, key, round);
    case TO_PEER: return peer < 0 ? NAN : c->who[peer].value[key][round];
    case TO_KEY:
        if ((other = contest_key(c->question, g->than)) < 0)
            return NAN;
        double limit = contest_best(c, LIMIT, other, round);
        return isnan(limit) ? contest_best(c, HARK, other, round) : limit;
    default: return 1;
    }
}

static double value_of(const contest *c, const goal *g, int key)
{
    double each[MOST_ROUNDS];
    int n = 0, hark = champion(c, key);
    int peer = g->to == TO_PEER ? peer_called(c, g->than, key) : -1;
    for (int r = 0; hark >= 0 && r < c->rounds; r++) {
        double v = c->who[hark].value[key][r], base = base_of(c, g, key, peer, r);
        if (!isnan(v) && base > 0)
            each[n++] = v / base;
    }
    return median_of(each, n);
}

static void word_it(const contest *c, const goal *g, int key, verdict *v)
{
    char bound[48];
    int other = g->to == TO_KEY ? contest_key(c->question, g->than) : -1;
    const char *most = v->at_least ? "at least" : "at most";
    snprintf(bound, sizeof bound, "%g", g->bound);
    if (g->to == TO_LIMIT)
        snprintf(v->text, sizeof v->text, "%s %s x limit", most, bound);
    else if (g->to == ABSOLUTE)
        snprintf(v->text, sizeof v->text, "%s %s%s%s", most,
                 g->bound == floor(g->bound) ? table_size((long)g->bound, bound) : bound,
                 c->units[key][0] ? " " : "", c->units[key]);
    else
        snprintf(v->text, sizeof v->text, "%s %s x %s", most, bound,
                 other >= 0 ? c->question->keys[other].text : g->than);
}

int goals_judge(const contest *c, int key, verdict *out)
{
    const answer_key *k = &c->question->keys[key];
    int n = 0;
    for (int i = 0; i < MOST_GOALS && k->goals[i].to != NO_GOAL; i++) {
        const goal *g = &k->goals[i];
        if (champion(c, key) < 0 || (g->from && case_size(c->now) < g->from))
            continue;
        verdict *v = &out[n++];
        v->at_least = k->better == MORE;
        v->bound = g->bound;
        v->value = value_of(c, g, key);
        v->judged = !isnan(v->value);
        v->reached = v->judged && (v->at_least ? v->value >= v->bound : v->value <= v->bound);
        word_it(c, g, key, v);
    }
    return n;
}

/* ---- the sum of a run ---------------------------------------------------------------------- */

static struct {
    int reached, missed, open;
    char (*lines)[256];
} sum;

void goals_count(const contest *c, const char *where, int key, const verdict *v)
{
    char value[48];
    sum.reached += v->reached;
    sum.open += !v->judged;
    if (v->reached || !v->judged)
        return;
    char(*more)[256] = realloc(sum.lines, sizeof *more * (size_t)(sum.missed + 1));
    if (!more)
        return;
    sum.lines = more;
    snprintf(sum.lines[sum.missed++], sizeof *more, "%s%s%s: %s: %s, wished for: %s",
             c->question->name, where[0] ? ", " : "", where, c->question->keys[key].text,
             table_verdict(v, value), v->text);
}

void goals_report(FILE *out)
{
    if (sum.reached + sum.missed + sum.open == 0)
        return;
    fprintf(out, "\ngoals: %d reached, %d missed", sum.reached, sum.missed);
    if (sum.open)
        fprintf(out, ", %d not judged (who they are measured against did not answer)", sum.open);
    fprintf(out, "\n");
    for (int i = 0; i < sum.missed; i++)
        fprintf(out, "  missed: %s\n", sum.lines[i]);
    free(sum.lines);
    memset(&sum, 0, sizeof sum);
}
