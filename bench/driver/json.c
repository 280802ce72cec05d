/* SPDX-License-Identifier: MIT
 *
 * json.c - what came out, for programs: one document a question, every single value in it.
 *
 * {"question", "text", "date", "rounds", "quick", "machine": {...},
 *  "cases": [{"case", "args", "keys": [{"key", "text", "unit", "higher_is_better",
 *    "answers": [{"who", "kind", "values": [a round each, null: none], "median", "least", "most",
 *                 "x_limit", "x_hark"}]}]}],
 *  "left_out": ["words", ...], "stolen_percent"}
 */
#include "driver.h"
#include <math.h>

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

static void number(FILE *out, const char *name, double v)
{
    fprintf(out, isfinite(v) ? ", \"%s\": %.6g" : ", \"%s\": null", name, v);
}

void json_open(FILE *out, const question *q, const options *o, const facts *f)
{
    fprintf(out, "{\"question\": \"%s\", \"text\": ", q->name);
    text(out, q->text);
    fprintf(out, ",\n \"date\": \"%s\", \"rounds\": %d, \"quick\": %s,\n", f->date, o->rounds,
            o->quick ? "true" : "false");
    fprintf(out, " \"machine\": {\"processor\": ");
    text(out, f->processor);
    fprintf(out, ", \"processors\": %d, \"memory_gib\": %.1f,\n  \"kernel\": ", f->processors,
            f->memory_gib);
    text(out, f->kernel);
    fprintf(out, ", \"guard\": \"%s\", \"hubs\": \"%s\"},\n \"cases\": [", f->guard, f->hubs);
}

static void one_answer(FILE *out, const contest *c, int who, int key, bool first)
{
    static const char *const kinds[] = {"limit", "hark", "peer"};
    summary s = contest_summary(c, who, key);
    fprintf(out, "%s\n     {\"who\": ", first ? "" : ",");
    text(out, c->who[who].name);
    fprintf(out, ", \"kind\": \"%s\", \"values\": [", kinds[c->who[who].kind]);
    for (int r = 0; r < c->rounds; r++) {
        double v = c->who[who].value[key][r];
        fprintf(out, isnan(v) ? "%snull" : "%s%.6g", r ? ", " : "", v);
    }
    fputc(']', out);
    number(out, "median", s.median);
    number(out, "least", s.least);
    number(out, "most", s.most);
    number(out, "x_limit", s.x_limit);
    number(out, "x_hark", s.x_hark);
    fputc('}', out);
}

void json_case(FILE *out, const contest *c, bool first)
{
    fprintf(out, "%s\n  {\"case\": \"%s\", \"args\": \"%s\", \"keys\": [", first ? "" : ",",
            c->now->name, c->now->args);
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++) {
        const answer_key *key = &c->question->keys[k];
        bool none = true;
        fprintf(out, "%s\n   {\"key\": \"%s\", \"text\": ", k ? "," : "", key->key);
        text(out, key->text);
        fprintf(out, ", \"unit\": \"%s\", \"higher_is_better\": %s, \"answers\": [", c->units[k],
                key->better == MORE ? "true" : "false");
        for (int i = 0; i < c->count; i++) {
            if (contest_summary(c, i, k).runs == 0)
                continue;
            one_answer(out, c, i, k, none);
            none = false;
        }
        fprintf(out, "]}");
    }
    fprintf(out, "]}");
}

void json_close(FILE *out, const contest *c, double stolen)
{
    fprintf(out, "],\n \"left_out\": [");
    for (int i = 0; i < c->note_count; i++) {
        fputs(i ? ", " : "", out);
        text(out, c->notes[i]);
    }
    fprintf(out, "], \"stolen_percent\": %.2f}\n", stolen);
}
