/* SPDX-License-Identifier: MIT
 *
 * growth.c - how the cost of one operation grows with the number of tasks, timers, descriptors.
 *
 * The cases of a growth question are sizes of the same thing. A processor's caches make everything
 * dearer when there is more of it, the limit too; so hark's own growth is what is left when that of
 * the limit is taken out of it: x limit at the large size, divided by x limit at the small one,
 * each of which was made within its rounds. (Where the limit does not get dearer at all, it is
 * hark's growth as it is.)
 *
 * What is wished for
 *   1  From 1,000 to the largest size one operation gets at most 3 x dearer beyond the limit.
 *   2  No step between two neighbouring sizes is worse than n log n for all, which is log n for
 *      one: beyond the limit, at most 3 x what log n comes to. This one looks below 1,000, too.
 */
#include "driver.h"
#include <math.h>
#include <string.h>

#define FROM    1000
#define AT_MOST 3.0
#define COLUMN  11

static bool hark_answered(const contest *c, int at, int key)
{
    for (int i = 0; i < c->count; i++)
        if (c->who[i].kind == HARK && c->who[i].at[at][key].runs > 0)
            return true;
    return false;
}

static int case_at(const contest *c, long size)
{
    for (int i = 0; i < c->case_count; i++)
        if (case_size(c->cases[i]) == size)
            return i;
    return -1;
}

static double log_n(long from, long to)
{
    return log((double)to) / log((double)from);
}

/* From 1,000, or from the smallest above it, to the largest; false: there are no two. */
bool growth_span(const contest *c, int key, span *s)
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < c->case_count; i++) {
        long size = case_size(c->cases[i]);
        if (size < FROM || !hark_answered(c, i, key))
            continue;
        s->from = s->from && s->from < size ? s->from : size;
        s->to = s->to > size ? s->to : size;
    }
    if (s->from == s->to)
        return false;
    s->n_log_n = log_n(s->from, s->to);
    return true;
}

static double quotient(double above, double below)
{
    return below > 0 ? above / below : NAN;
}

double growth_factor(const contest *c, const span *s, int who, int key)
{
    const contestant *w = &c->who[who];
    return quotient(w->at[case_at(c, s->to)][key].median, w->at[case_at(c, s->from)][key].median);
}

/* The best of the limits that count, at each of the two sizes. */
static double limits_factor(const contest *c, const span *s, int key)
{
    double least[2] = {NAN, NAN};
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < c->count; i++) {
            double v = c->who[i].at[case_at(c, n ? s->to : s->from)][key].median;
            if (c->who[i].reference && !isnan(v) && !(v >= least[n]))
                least[n] = v;
        }
    return quotient(least[1], least[0]);
}

/* What is not the limit's growth. A limit that gets cheaper in a crowd, because something is paid
 * once for all, obliges nobody to do the same. */
double growth_beyond(const contest *c, const span *s, int who, int key)
{
    const contestant *w = &c->who[who];
    double limit = limits_factor(c, s, key);
    if (isnan(limit))
        return NAN;
    return limit < 1 ? growth_factor(c, s, who, key)
                     : quotient(w->at[case_at(c, s->to)][key].x_limit,
                                w->at[case_at(c, s->from)][key].x_limit);
}

/* ---- verdict ------------------------------------------------------------------------------- */

static void judge(verdict *v, double value)
{
    v->bound = AT_MOST;
    v->at_least = false;
    v->value = value;
    v->judged = !isnan(value);
    v->reached = v->judged && value <= AT_MOST;
}

/* The worst step between neighbours: what it is beyond the limit and beyond log n. */
static double worst_step(const contest *c, int who, int key, span *at)
{
    double worst = NAN;
    for (int i = 1; i < c->case_count; i++) {
        span s = {case_size(c->cases[i - 1]), case_size(c->cases[i]), 0};
        if (s.from < 2 || s.to <= s.from)
            continue;
        double step = growth_beyond(c, &s, who, key) / log_n(s.from, s.to);
        if (!isnan(step) && !(step <= worst)) {
            worst = step;
            *at = s;
        }
    }
    return worst;
}

int growth_judge(const contest *c, int key, verdict *out)
{
    span s, step = {0};
    int hark = 0;
    char from[48], to[48];
    while (hark < c->count && c->who[hark].kind != HARK)
        hark++;
    if (hark == c->count || c->question->keys[key].better != LESS || !growth_span(c, key, &s))
        return 0;
    judge(&out[0], growth_beyond(c, &s, hark, key));
    snprintf(out[0].text, sizeof out[0].text, "at most 3 x beyond the limit, from %s to %s",
             table_size(s.from, from), table_size(s.to, to));
    judge(&out[1], worst_step(c, hark, key, &step));
    if (!out[1].judged || out[1].reached)
        snprintf(out[1].text, sizeof out[1].text,
                 "no step worse than n log n (at most 3 x it, beyond the limit)");
    else
        snprintf(out[1].text, sizeof out[1].text,
                 "not worse than n log n (at most 3 x it, beyond the limit) from %s to %s",
                 table_size(step.from, from), table_size(step.to, to));
    return 2;
}

/* ---- table --------------------------------------------------------------------------------- */

static void headings(const contest *c, const span *s, FILE *out)
{
    char text[48];
    fprintf(out, "\n  %-32s", "");
    for (int i = 0; i < c->case_count; i++) {
        long size = case_size(c->cases[i]);
        fprintf(out, " %*s", COLUMN, size ? table_size(size, text) : c->cases[i]->name);
    }
    if (s)
        fprintf(out, " %8s %8s", "growth", "beyond");
    fprintf(out, "\n");
}

static void row(const contest *c, int who, int key, const span *s, FILE *out)
{
    const contestant *w = &c->who[who];
    char text[48], factor[16], beyond[16];
    bool none = true;
    for (int i = 0; i < c->case_count; i++)
        none = none && w->at[i][key].runs == 0;
    if (none)
        return;
    fprintf(out, "    %-30s", w->name);
    for (int i = 0; i < c->case_count; i++)
        fprintf(out, " %*s", COLUMN,
                w->at[i][key].runs ? table_number(w->at[i][key].median, text) : "");
    if (s)
        fprintf(out, " %8s %8s", table_times(growth_factor(c, s, who, key), factor),
                w->kind == LIMIT ? "" : table_times(growth_beyond(c, s, who, key), beyond));
    fprintf(out, "\n");
}

/* How far the values of one case lie apart, at worst; of hark and of the limits that count. */
static double widest(const contest *c, int key)
{
    double most = 0;
    for (int i = 0; i < c->count; i++)
        for (int j = 0; j < c->case_count && (c->who[i].kind == HARK || c->who[i].reference); j++) {
            const summary *s = &c->who[i].at[j][key];
            if (s->runs > 1 && s->median > 0 && (s->most - s->least) / s->median > most)
                most = (s->most - s->least) / s->median;
        }
    return most;
}

/* The goal that is no growth: the smallest size at which it was missed, if at any. */
static void goals_at(const contest *c, int key, FILE *out)
{
    const verdict *any = NULL, *missed = NULL;
    char size[48], value[48];
    for (int i = 0; i < c->case_count && !missed; i++) {
        const verdict *v = &c->verdicts[i][key];
        any = v->judged ? v : any;
        if (v->judged && !v->reached) {
            missed = v;
            table_size(case_size(c->cases[i]), size);
        }
    }
    if (missed)
        fprintf(out, "    goal: %s: missed at %s (%s)\n", missed->text, size,
                table_verdict(missed, value));
    else if (any)
        fprintf(out, "    goal: %s: reached at each size\n", any->text);
}

static void one_key(const contest *c, int key, FILE *out)
{
    const answer_key *k = &c->question->keys[key];
    verdict v[MOST_VERDICTS];
    span s;
    bool grows = k->better != PLAIN && growth_span(c, key, &s);
    headings(c, grows ? &s : NULL, out);
    fprintf(out, "  %s%s%s\n", k->text, c->units[key][0] ? ", " : "", c->units[key]);
    for (int i = 0; i < c->count; i++)
        row(c, i, key, grows ? &s : NULL, out);
    if (widest(c, key) > 0)
        fprintf(out, "    the rounds of one size lie up to %.0f %% apart\n", 100 * widest(c, key));
    table_verdicts(v, growth_judge(c, key, v), out);
    goals_at(c, key, out);
}

static void explain(const contest *c, FILE *out)
{
    char from[48], to[48], n_log_n[16];
    bool asked = false;
    span s;
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++) {
        if (c->question->keys[k].better == PLAIN)
            continue;
        asked = true;
        if (!growth_span(c, k, &s))
            continue;
        fprintf(out,
                "  growth: from %s to %s, for one; n log n for all would be %s\n"
                "  beyond: what is left of it without the limit's own growth\n",
                table_size(s.from, from), table_size(s.to, to), table_times(s.n_log_n, n_log_n));
        return;
    }
    if (asked)
        fprintf(out, "  no growth: hark has answered at fewer than two sizes from 1,000 on\n");
}

void growth_table(const contest *c, FILE *out)
{
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++) {
        bool none = true;
        for (int i = 0; i < c->case_count; i++)
            none = none && !hark_answered(c, i, k);
        if (!none)
            one_key(c, k, out);
    }
    explain(c, out);
    fflush(out);
}
