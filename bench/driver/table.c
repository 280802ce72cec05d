/* SPDX-License-Identifier: MIT
 *
 * table.c - what came out, for the eye: a table a case, a block a key, a line for each who
 * answered.
 *
 * Three digits are shown, for there are no more in it. A table is no wider than a terminal mostly
 * is, 80 columns. The progress line is on stderr and only on a terminal, no longer than a line of
 * it, so that it can be wiped before anything else is written.
 */
#include "driver.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 1 ? w.ws_col : 80;
}

void progress(const char *format, ...)
{
    static bool shown;
    char line[256];
    va_list rest;
    if (!isatty(STDERR_FILENO))
        return;
    if (shown)
        fputs("\r\033[K", stderr);
    shown = format != NULL;
    if (format) {
        va_start(rest, format);
        vsnprintf(line, sizeof line, format, rest);
        va_end(rest);
        fprintf(stderr, "%.*s", columns() - 1, line);
    }
    fflush(stderr);
}

static const char *thousands(const char *plain, char *text)
{
    int whole = (int)strcspn(plain, "."), at = 0;
    for (int i = 0; plain[i]; i++) {
        int left = whole - i;
        if (i > 0 && left > 0 && left % 3 == 0 && plain[i - 1] != '-')
            text[at++] = ',';
        text[at++] = plain[i];
    }
    text[at] = 0;
    return text;
}

const char *table_size(long n, char *text)
{
    char plain[48];
    snprintf(plain, sizeof plain, "%ld", n);
    return thousands(plain, text);
}

/* 0.0123, 1.23, 12.3, 1,230, 1,234,000: three digits, and thousands apart. */
const char *table_number(double v, char *text)
{
    char plain[48];
    double size = fabs(v);
    int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.995 ? 2 : 3;
    if (size >= 1000) {
        double step = pow(10, floor(log10(size)) - 3); /* four digits above a thousand */
        v = step > 1 ? round(v / step) * step : v;
    }
    snprintf(plain, sizeof plain, "%.*f", decimals, v);
    return thousands(plain, text);
}

/* One digit more than elsewhere: 1.052 has missed a goal of 1.05. */
const char *table_verdict(const verdict *v, char *text)
{
    if (v->value >= 1000)
        return table_number(v->value, text);
    snprintf(text, 48, "%.4g", v->value);
    return text;
}

const char *table_times(double v, char *text)
{
    if (isnan(v))
        return strcpy(text, "");
    sprintf(text, v >= 100 ? "%.0f" : v >= 10 ? "%.1f" : "%.2f", v);
    return text;
}

void table_question(const question *q, FILE *out)
{
    fprintf(out, "\n%s - %s\n", q->name, q->text);
}

static void one_line(const contest *c, int who, int key, FILE *out)
{
    char median[48], least[48], most[48], all[160], limit[16], hark[16];
    summary s = contest_summary(c, who, key);
    if (s.runs == 0)
        return;
    table_number(s.median, median);
    snprintf(all, sizeof all, "[%s-%s]", table_number(s.least, least), table_number(s.most, most));
    fprintf(out, "    %-32s%10s %-17s%7s %7s%s\n", c->who[who].name, median, all,
            table_times(s.x_limit, limit), table_times(s.x_hark, hark),
            s.runs < c->done ? (s.runs == 1 ? "   one run" : "   fewer runs") : "");
}

void table_verdicts(const verdict *v, int count, FILE *out)
{
    char value[48];
    for (int i = 0; i < count; i++)
        if (v[i].judged)
            fprintf(out, "    goal: %s: %s (%s)\n", v[i].text, v[i].reached ? "reached" : "missed",
                    table_verdict(&v[i], value));
        else
            fprintf(out, "    goal: %s: not judged, the other side is missing\n", v[i].text);
}

/* By somebody that a limit can be a limit for: a bare switch does not know what it is asked. */
static bool answered(const contest *c, int key)
{
    for (int i = 0; i < c->count; i++)
        if (c->who[i].kind != LIMIT && contest_summary(c, i, key).runs > 0)
            return true;
    return false;
}

void table_case(const contest *c, FILE *out)
{
    char text[128];
    verdict v[MOST_VERDICTS];
    fprintf(out, "\n  %-34s%10s %-17s%7s %7s\n", c->now->name, "median", "[least-most]", "x limit",
            "x hark");
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++) {
        const answer_key *key = &c->question->keys[k];
        if (!answered(c, k))
            continue;
        snprintf(text, sizeof text, "%s%s%s%s", key->text, c->units[k][0] ? ", " : "", c->units[k],
                 key->better == MORE ? " (more is better)" : "");
        fprintf(out, "  %s\n", text);
        for (int i = 0; i < c->count; i++)
            one_line(c, i, k, out);
        table_verdicts(v, goals_judge(c, k, v), out);
    }
    if (c->done < c->rounds)
        fprintf(out, "  %s after %d of %d rounds\n", interrupted() ? "interrupted" : "time was up",
                c->done, c->rounds);
    fflush(out);
}

void table_notes(const contest *c, FILE *out)
{
    for (int i = 0; i < c->note_count; i++)
        fprintf(out, "  left out: %s\n", c->notes[i]);
}
