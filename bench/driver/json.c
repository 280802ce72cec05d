/* SPDX-License-Identifier: MIT
 *
 * json.c - what came out, for programs: one document a question, every single value in it.
 *
 * {"question", "text", "growth": true if the cases are sizes of the same thing,
 *  "date", "rounds": asked for, "quick", "peers", "hubs": those that were asked, as on the command
 *    line, "complete": false if it was interrupted,
 *  "machine": {"processor", "processors", "memory_gib", "kernel", "guard", "hubs",
 *    and what more.c says},
 *  "cases": [{"case", "args", "size": a number or null, "rounds": those done,
 *    "keys": [{"key", "text", "unit", "higher_is_better", "comparable": false if a ratio of it
 *      means nothing, "goals": [a GOAL each],
 *      "answers": [{"who", "kind": "limit", "hark" or "peer", "reference": a limit that counts,
 *                   "values": [a round each, null: none], "median", "least", "most",
 *                   "x_limit", "x_hark"}]}]}],
 *  "growths": [of a growth question, a key each:
 *    {"key", "text", "unit", "from": size, "to": size, "n_log_n": what it would be at n log n,
 *     "goals": [a GOAL each],
 *     "answers": [{"who", "kind", "factor": cost of one at `to` / cost of one at `from`,
 *                  "beyond_limit": factor of x_limit (its own, if the limit gets no dearer)}]}],
 *  "left_out": ["words", ...], "stolen_percent"}
 *
 * GOAL: {"text": "at most 1.3 x limit", "at_most" or "at_least": number, "value": hark's, or null,
 *        "reached": true, false, or null where it could not be judged}
 *
 * A size is what the case is about (tasks, timers, connections): good for a logarithmic axis. A
 * key without answers stands there too, with "answers": []. A ratio of which one side is missing is
 * null. Fields may be added; none changes its meaning. A document appears under its name when it is
 * whole, never half. With --json, documents stand on stdout as one array.
 */
#include "driver.h"
#include <math.h>
#include <string.h>

static void text(FILE *out, const char *s)
{
    fputc('"', out);
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\u%04x", c < 0x20 ? c : '?');
        else
            fputc(c, out);
    }
    fputc('"', out);
}

static void named(FILE *out, const char *name, const char *s)
{
    fprintf(out, ", \"%s\": ", name);
    text(out, s);
}

static void number(FILE *out, const char *name, double v)
{
    fprintf(out, isfinite(v) ? ", \"%s\": %.6g" : ", \"%s\": null", name, v);
}

static const char *truth(bool b)
{
    return b ? "true" : "false";
}

static void machine(FILE *out, const facts *f)
{
    fprintf(out, " \"machine\": {\"processor\": ");
    text(out, f->processor);
    fprintf(out, ", \"processors\": %d, \"memory_gib\": %.1f,\n  \"kernel\": ", f->processors,
            f->memory_gib);
    text(out, f->kernel);
    named(out, "guard", f->guard);
    named(out, "hubs", f->hubs);
    for (int i = 0; i < f->more_count; i++) {
        fprintf(out, ",\n  \"%s\": ", f->more[i].name);
        if (f->more[i].plain)
            fprintf(out, "%s", f->more[i].value);
        else
            text(out, f->more[i].value);
    }
    fprintf(out, "}");
}

void json_open(FILE *out, const question *q, const options *o, const facts *f)
{
    fprintf(out, "{\"question\": \"%s\", \"text\": ", q->name);
    text(out, q->text);
    fprintf(out, ",\n \"growth\": %s, \"date\": \"%s\", \"rounds\": %d, \"quick\": %s",
            truth(q->growth), f->date, o->rounds, truth(o->quick));
    named(out, "peers", o->peers);
    named(out, "hubs", o->hubs);
    fputs(",\n", out);
    machine(out, f);
    fprintf(out, ",\n \"cases\": [");
}

static void goals(FILE *out, const verdict *v, int count)
{
    fprintf(out, ", \"goals\": [");
    for (int i = 0; i < count; i++) {
        fprintf(out, "%s{\"text\": ", i ? ", " : "");
        text(out, v[i].text);
        number(out, v[i].at_least ? "at_least" : "at_most", v[i].bound);
        number(out, "value", v[i].value);
        fprintf(out, ", \"reached\": %s}", v[i].judged ? truth(v[i].reached) : "null");
    }
    fputc(']', out);
}

static const char *kind(const contestant *w)
{
    static const char *const kinds[] = {"limit", "hark", "peer"};
    return kinds[w->kind];
}

static void one_answer(FILE *out, const contest *c, int who, int key, bool first)
{
    const contestant *w = &c->who[who];
    summary s = contest_summary(c, who, key);
    fprintf(out, "%s\n     {\"who\": ", first ? "" : ",");
    text(out, w->name);
    fprintf(out, ", \"kind\": \"%s\", \"reference\": %s, \"values\": [", kind(w),
            truth(w->reference));
    for (int r = 0; r < c->rounds; r++) {
        double v = w->value[key][r];
        fprintf(out, isfinite(v) ? "%s%.6g" : "%snull", r ? ", " : "", v);
    }
    fputc(']', out);
    number(out, "median", s.median);
    number(out, "least", s.least);
    number(out, "most", s.most);
    number(out, "x_limit", s.x_limit);
    number(out, "x_hark", s.x_hark);
    fputc('}', out);
}

static void key_opens(FILE *out, const contest *c, int k, bool first)
{
    const answer_key *key = &c->question->keys[k];
    fprintf(out, "%s\n   {\"key\": \"%s\", \"text\": ", first ? "" : ",", key->key);
    text(out, key->text);
    named(out, "unit", c->units[k]);
}

static void one_key(FILE *out, const contest *c, int k)
{
    const answer_key *key = &c->question->keys[k];
    verdict v[MOST_VERDICTS];
    bool none = true;
    key_opens(out, c, k, k == 0);
    fprintf(out, ", \"higher_is_better\": %s, \"comparable\": %s", truth(key->better == MORE),
            truth(key->better != PLAIN));
    goals(out, v, goals_judge(c, k, v));
    fprintf(out, ", \"answers\": [");
    for (int i = 0; i < c->count; i++) {
        if (contest_summary(c, i, k).runs == 0)
            continue;
        one_answer(out, c, i, k, none);
        none = false;
    }
    fprintf(out, "]}");
}

void json_case(FILE *out, const contest *c, bool first)
{
    long size = case_size(c->now);
    fprintf(out, "%s\n  {\"case\": \"%s\", \"args\": \"%s\", \"size\": ", first ? "" : ",",
            c->now->name, c->now->args);
    fprintf(out, size ? "%ld" : "null", size);
    fprintf(out, ", \"rounds\": %d, \"keys\": [", c->done);
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++)
        one_key(out, c, k);
    fprintf(out, "]}");
}

static void one_growth(FILE *out, const contest *c, int k, const span *s, bool first)
{
    verdict v[MOST_VERDICTS];
    bool none = true;
    key_opens(out, c, k, first);
    fprintf(out, ", \"from\": %ld, \"to\": %ld", s->from, s->to);
    number(out, "n_log_n", s->n_log_n);
    goals(out, v, growth_judge(c, k, v));
    fprintf(out, ", \"answers\": [");
    for (int i = 0; i < c->count; i++) {
        double factor = growth_factor(c, s, i, k);
        if (isnan(factor))
            continue;
        fprintf(out, "%s\n     {\"who\": ", none ? "" : ",");
        text(out, c->who[i].name);
        fprintf(out, ", \"kind\": \"%s\"", kind(&c->who[i]));
        number(out, "factor", factor);
        number(out, "beyond_limit", c->who[i].kind == LIMIT ? NAN : growth_beyond(c, s, i, k));
        fputc('}', out);
        none = false;
    }
    fprintf(out, "]}");
}

static void growths(FILE *out, const contest *c)
{
    bool first = true;
    span s;
    fprintf(out, ",\n \"growths\": [");
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++) {
        if (c->question->keys[k].better == PLAIN || !growth_span(c, k, &s))
            continue;
        one_growth(out, c, k, &s, first);
        first = false;
    }
    fputc(']', out);
}

void json_close(FILE *out, const contest *c, bool complete, double stolen)
{
    fputc(']', out);
    if (c->question->growth)
        growths(out, c);
    fprintf(out, ",\n \"left_out\": [");
    for (int i = 0; i < c->note_count; i++) {
        fputs(i ? ", " : "", out);
        text(out, c->notes[i]);
    }
    fprintf(out, "], \"stolen_percent\": %.2f, \"complete\": %s}\n", stolen, truth(complete));
}
