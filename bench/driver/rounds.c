/* SPDX-License-Identifier: MIT
 *
 * rounds.c - who takes part in a question, and round after round of it: A B C, A B C, ...
 *
 * Rules
 *   1  Within a round everybody runs once, so that a slow minute of the machine meets everybody;
 *      ratios are made within the round and only then is their median taken.
 *   2  Who fails once is left out from then on in this case, with the reason; nobody is measured
 *      until they succeed.
 *   3  Who needs longer than SLOW for one run runs once only, and the table says so.
 *   4  Where time is bounded (--quick, --time) each case has its share of it; when that is used up
 *      there are no more rounds, and the table says so. One round there always is, of what is
 *      asked at all.
 *   5  Who interrupts a round loses what was running; the answers before it are kept, and the
 *      document says that it is not complete.
 *   6  Every second round begins at the other end: nobody always follows the same neighbour.
 */
#include "driver.h"
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOW 10.0

void contest_note(contest *c, const char *format, ...)
{
    va_list rest;
    if (c->note_count == COUNT(c->notes))
        return;
    va_start(rest, format);
    vsnprintf(c->notes[c->note_count], sizeof c->notes[0], format, rest);
    va_end(rest);
    for (int i = 0; i < c->note_count; i++) /* the same may happen in several cases */
        if (strcmp(c->notes[i], c->notes[c->note_count]) == 0)
            return;
    c->note_count++;
}

static contestant *join(contest *c, side kind, const char *name, const char *program,
                        const char *argument)
{
    if (access(program, X_OK) != 0) {
        contest_note(c, "%s: %s is not built", name, program);
        return NULL;
    }
    if (c->count == MOST_CONTESTANTS)
        return NULL;
    contestant *w = &c->who[c->count++];
    w->kind = kind;
    snprintf(w->name, sizeof w->name, "%s", name);
    w->argv[0] = strdup(program);
    w->argv[1] = argument[0] ? strdup(argument) : NULL;
    return w;
}

static void limits_join(contest *c, const options *o)
{
    char path[1024];
    for (int i = 0; i < MOST_LIMITS && c->question->limits[i].name; i++) {
        const one_limit *l = &c->question->limits[i];
        snprintf(path, sizeof path, "%s/limits/%s", o->programs, l->program);
        contestant *w = join(c, LIMIT, l->name, path, l->args);
        if (w)
            w->reference = l->reference;
    }
}

/* Where descriptors matter hark takes part once for each hub. */
static void hark_joins(contest *c, const options *o)
{
    char path[1024], name[64];
    snprintf(path, sizeof path, "%s/%s", o->programs, question_program(c->question));
    if (!c->question->server && !c->question->hubs) {
        join(c, HARK, "hark", path, "");
        return;
    }
    for (const char *p = o->hubs; *p; p += strcspn(p, ","), p += *p == ',') {
        int length = (int)strcspn(p, ",");
        snprintf(name, sizeof name, "hark, %.*s", length, p);
        contestant *w = join(c, HARK, name, path, "");
        if (w)
            w->hub = strndup(p, (size_t)length);
    }
}

void contest_open(contest *c, const question *q, const options *o)
{
    memset(c, 0, sizeof *c);
    c->question = q;
    c->who = calloc(MOST_CONTESTANTS, sizeof *c->who);
    c->rounds = o->rounds;
    limits_join(c, o);
    hark_joins(c, o);
    if (strcmp(o->peers, "none") != 0)
        peers_join(c, o);
}

void contest_close(contest *c)
{
    for (int i = 0; i < c->count; i++) {
        for (int k = 0; k < MOST_ARGS; k++)
            free(c->who[i].argv[k]);
        free((char *)c->who[i].hub);
    }
    free(c->who);
}

int contest_key(const question *q, const char *key)
{
    for (int i = 0; i < MOST_KEYS && q->keys[i].key; i++)
        if (strcmp(q->keys[i].key, key) == 0)
            return i;
    return -1;
}

/* How many of its answers are to this question. */
static int keep(contest *c, contestant *w, int round, const result *r)
{
    int kept = 0;
    for (int i = 0; i < r->count; i++) {
        int k = contest_key(c->question, r->answers[i].key);
        if (k < 0)
            continue;
        w->value[k][round] = r->answers[i].value;
        memcpy(c->units[k], r->answers[i].unit, sizeof c->units[k]);
        kept++;
    }
    return kept;
}

static bool has_answered(const contest *c, const contestant *w)
{
    for (int i = 0; i < c->case_count; i++)
        for (int k = 0; k < MOST_KEYS; k++)
            if (w->at[i][k].runs > 0)
                return true;
    return false;
}

/* In this case; or for good: then, if it has answered before, from this case on. */
static void leave_out(contest *c, contestant *w, bool for_good, const char *why)
{
    bool at_all = for_good && !has_answered(c, w);
    snprintf(w->why, sizeof w->why, "%s", why);
    w->gone = for_good;
    if (at_all || !c->now->name[0])
        contest_note(c, "%s: %s", w->name, why);
    else
        contest_note(c, "%s, %s%s: %s", w->name, c->now->name,
                     for_good && c->question->growth ? " and on" : "", why);
}

static void run_one(contest *c, contestant *w, int round, const options *o, const facts *f)
{
    result r;
    command run = {.hub = w->hub,
                   .quick = o->quick,
                   .processor = f->server_processor,
                   .also = c->now->when & BOTH ? &f->load_processor : NULL,
                   .seconds = o->patience};
    int n = 0;
    for (; n < MOST_ARGS && w->argv[n]; n++)
        run.argv[n] = w->argv[n];
    if (c->now->args[0] && !c->question->server)
        run.argv[n] = (char *)c->now->args;
    if (c->question->server)
        run_server(&run, &c->question->talk, atoi(c->now->args), o->quick, &r);
    else
        run_program(&run, &r);
    if (interrupted())
        return;
    if (!r.ok) {
        leave_out(c, w, r.skipped, r.why);
    } else if (keep(c, w, round, &r) == 0) {
        leave_out(c, w, false, "what it answers was not asked");
    } else {
        c->answered++;
        w->once = r.seconds > SLOW;
    }
}

static void one_round(contest *c, int round, const options *o, const facts *f)
{
    for (int i = 0; i < c->count && !interrupted(); i++) {
        contestant *w = &c->who[round % 2 ? c->count - 1 - i : i];
        if (w->gone || w->why[0] || (w->once && round > 0))
            continue;
        progress("%s%s%s, round %d of %d: %s", c->question->name, c->now->name[0] ? ", " : "",
                 c->now->name, round + 1, c->rounds, w->name);
        run_one(c, w, round, o, f);
    }
}

void contest_case(contest *c, const one_case *now, const options *o, const facts *f)
{
    c->now = now;
    for (int i = 0; i < c->count; i++) {
        c->who[i].why[0] = 0;
        c->who[i].once = false;
        for (int k = 0; k < MOST_KEYS; k++)
            for (int r = 0; r < MOST_ROUNDS; r++)
                c->who[i].value[k][r] = NAN;
    }
    int64_t took = 0;
    for (c->done = 0; c->done < c->rounds; c->done++) {
        int64_t start = now_ns();
        if (c->done > 0 && c->until && start + took > c->until)
            break;
        one_round(c, c->done, o, f);
        if (interrupted())
            break;
        took = now_ns() - start;
    }
    progress(NULL);
    for (int i = 0; i < c->count; i++)
        for (int k = 0; k < MOST_KEYS; k++)
            c->who[i].at[c->case_count][k] = contest_summary(c, i, k);
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++) {
        verdict v[MOST_VERDICTS];
        if (goals_judge(c, k, v) > 0)
            c->verdicts[c->case_count][k] = v[0];
    }
    c->cases[c->case_count++] = now;
}

/* ---- what it comes to ---------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median_of(double *v, int n)
{
    if (n == 0)
        return NAN;
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* The best of the limits that count, or of hark on its hubs, in one round. */
double contest_best(const contest *c, side kind, int key, int round)
{
    double found = NAN;
    for (int i = 0; i < c->count; i++) {
        const contestant *w = &c->who[i];
        double v = w->value[key][round];
        if (w->kind != kind || isnan(v) || (kind == LIMIT && !w->reference))
            continue;
        if (isnan(found) || (c->question->keys[key].better == MORE ? v > found : v < found))
            found = v;
    }
    return found;
}

static double median_ratio(const contest *c, int who, int key, side to)
{
    double ratio[MOST_ROUNDS];
    int n = 0;
    for (int r = 0; r < c->rounds; r++) {
        double v = c->who[who].value[key][r], base = contest_best(c, to, key, r);
        if (!isnan(v) && !isnan(base) && base > 0)
            ratio[n++] = v / base;
    }
    return median_of(ratio, n);
}

summary contest_summary(const contest *c, int who, int key)
{
    double v[MOST_ROUNDS];
    summary s = {NAN, NAN, NAN, NAN, NAN, 0};
    for (int r = 0; r < c->rounds; r++)
        if (!isnan(c->who[who].value[key][r]))
            v[s.runs++] = c->who[who].value[key][r];
    if (s.runs == 0)
        return s;
    s.median = median_of(v, s.runs); /* and v is sorted now */
    s.least = v[0];
    s.most = v[s.runs - 1];
    if (c->question->keys[key].better != PLAIN) {
        s.x_limit = median_ratio(c, who, key, LIMIT);
        s.x_hark = median_ratio(c, who, key, HARK);
    }
    return s;
}
