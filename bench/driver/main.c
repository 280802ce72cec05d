/* SPDX-License-Identifier: MIT
 *
 * main.c - the benchmark's command line, and the walk through the questions.
 *
 * Exit status: 0 all asked questions were answered by somebody; 1 one was answered by nobody, or a
 * file could not be written; 2 the command line was wrong (and nothing was run).
 */
#include "driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUICK_TIME 105000000000 /* ns */

static void help(FILE *out)
{
    fprintf(out,
            "./dev bench [QUESTION...] [options]\n\n"
            "Measures hark, the physical limit and its peers side by side, in rounds.\n\n"
            "  --quick        small sizes, 3 rounds, no peers: under two minutes in all\n"
            "  --rounds N     how many rounds (1 to %d; otherwise 5)\n"
            "  --peers LIST   all (the default), none, or names with commas: go,st\n"
            "  --hubs LIST    for echo: uring,epoll,poll,select (the default)\n"
            "  --json         JSON on stdout instead of tables\n"
            "  --list         the questions\n"
            "  --install      install the peers (all, or those of --peers) and stop\n\n"
            "Results are kept in bench/results/. The questions:\n",
            MOST_ROUNDS);
    questions_print(out);
}

static int wrong(const char *format, const char *what)
{
    fprintf(stderr, "bench: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n");
    return 2;
}

static int take_question(options *o, const char *name)
{
    const question *q = question_find(name);
    if (!q) {
        wrong("no question is called '%s'; there are", name);
        questions_print(stderr);
        return 2;
    }
    for (int i = 0; i < o->asked_count; i++)
        if (o->asked[i] == q)
            return 0;
    if (o->asked_count < COUNT(o->asked))
        o->asked[o->asked_count++] = q;
    return 0;
}

/* The value of `--name VALUE` or `--name=VALUE`; NULL if this is not it. */
static const char *valued(const char *name, char **argv, int *i, bool *bad)
{
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0 || (argv[*i][n] != 0 && argv[*i][n] != '='))
        return NULL;
    if (argv[*i][n] == '=')
        return argv[*i] + n + 1;
    if (argv[*i + 1])
        return argv[++*i];
    *bad = true;
    return "";
}

static int take_rounds(options *o, const char *value)
{
    char *end;
    long n = strtol(value, &end, 10);
    if (*end || end == value || n < 1 || n > MOST_ROUNDS)
        return wrong("'%s' is no number of rounds (1 to 99)", value);
    o->rounds = (int)n;
    return 0;
}

static int take_hubs(options *o, const char *value)
{
    static const char known[] = "uring,epoll,poll,select,";
    for (const char *p = value; *p; p += strcspn(p, ","), p += *p == ',') {
        char name[32];
        snprintf(name, sizeof name, "%.*s,", (int)strcspn(p, ","), p);
        if (!strstr(known, name) || name[0] == ',')
            return wrong("'%s': the hubs are uring, epoll, poll, select", value);
    }
    o->hubs = value;
    return 0;
}

static int take_one(options *o, char **argv, int *i)
{
    bool bad = false;
    const char *v, *a = argv[*i];
    if ((v = valued("--rounds", argv, i, &bad)))
        return bad ? wrong("%s needs a number", "--rounds") : take_rounds(o, v);
    if ((v = valued("--hubs", argv, i, &bad)))
        return bad || !*v ? wrong("%s needs names", "--hubs") : take_hubs(o, v);
    if ((v = valued("--peers", argv, i, &bad)))
        return bad || !*v ? wrong("%s needs names", "--peers") : (o->peers = v, 0);
    if ((v = valued("--root", argv, i, &bad)))
        return o->root = v, 0;
    if ((v = valued("--programs", argv, i, &bad)))
        return o->programs = v, 0;
    if ((v = valued("--peer-programs", argv, i, &bad)))
        return o->peer_programs = v, 0;
    bool *flag = strcmp(a, "--quick") == 0     ? &o->quick
                 : strcmp(a, "--json") == 0    ? &o->json
                 : strcmp(a, "--install") == 0 ? &o->install
                 : strcmp(a, "--check") == 0   ? &o->check
                 : strcmp(a, "--list") == 0    ? &o->list
                 : strcmp(a, "--help") == 0 || strcmp(a, "-h") == 0 || strcmp(a, "help") == 0
                     ? &o->help
                     : NULL;
    if (flag)
        return *flag = true, 0;
    if (a[0] == '-')
        return wrong("there is no option '%s'; see ./dev bench --help", a);
    return take_question(o, a);
}

static int take_options(options *o, char **argv)
{
    memset(o, 0, sizeof *o);
    o->root = "bench";
    o->programs = "build/release/bench";
    o->peer_programs = "build/bench-peers";
    o->hubs = "uring,epoll,poll,select";
    for (int i = 1; argv[i]; i++) {
        int rc = take_one(o, argv, &i);
        if (rc)
            return rc;
    }
    if (!o->rounds)
        o->rounds = o->quick ? 3 : 5;
    if (!o->peers)
        o->peers = o->quick ? "none" : "all";
    if (!o->asked_count)
        for (int i = 0; i < question_count; i++)
            o->asked[o->asked_count++] = &questions[i];
    return peers_known(o) ? 0 : 2;
}

static FILE *results_open(const char *name, const options *o, const facts *f)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/results", o->root);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/results/%s-%s.json", o->root, f->day, name);
    FILE *out = fopen(path, "w+");
    if (!out)
        fprintf(stderr, "bench: %s: %s; the results are only shown\n", path, strerror(errno));
    return out ? out : tmpfile();
}

static void copy(FILE *from, FILE *to)
{
    int c;
    rewind(from);
    while ((c = fgetc(from)) != EOF)
        fputc(c, to);
}

/* How many cases of a question are run. */
static int cases_of(const question *q, int when)
{
    int n = 0;
    for (int i = 0; i < MOST_CASES && q->cases[i].name; i++)
        n += (q->cases[i].when & when) != 0;
    return n;
}

/* A quick run shares what is left of its time among the cases that are left. */
static int64_t share(const options *o, int question_at, int case_at)
{
    int left = cases_of(o->asked[question_at], QUICK) - case_at;
    for (int i = question_at + 1; i < o->asked_count; i++)
        left += cases_of(o->asked[i], QUICK);
    return o->quick ? now_ns() + (o->until - now_ns()) / left : 0;
}

static bool ask(int at, const options *o, const facts *f)
{
    contest c;
    const question *q = o->asked[at];
    int when = o->quick ? QUICK : FULL, cases = 0;
    steal before = steal_now();
    FILE *out = results_open(q->name, o, f);
    contest_open(&c, q, o);
    json_open(out, q, o, f);
    if (!o->json)
        table_question(q, stdout);
    for (int i = 0; c.count > 0 && i < MOST_CASES && q->cases[i].name; i++) {
        if (!(q->cases[i].when & when))
            continue;
        c.until = share(o, at, cases);
        contest_case(&c, &q->cases[i], o, f);
        json_case(out, &c, cases++ == 0);
        if (!o->json)
            table_case(&c, stdout);
    }
    double stolen = steal_percent(before, steal_now());
    json_close(out, &c, stolen);
    if (o->json) {
        fputs(at == 0 ? "" : ",\n", stdout);
        copy(out, stdout);
    } else {
        table_notes(&c, stdout);
        if (stolen > 1)
            printf("  the host took %.1f %% of the processors' time meanwhile\n", stolen);
    }
    fclose(out);
    contest_close(&c);
    return c.answered > 0;
}

/* A thousand connections need as many descriptors, here and in the servers. */
static void raise_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

int main(int argc, char **argv)
{
    options o;
    facts f;
    bool good = true;
    (void)argc;
    int rc = take_options(&o, argv);
    if (rc || o.check)
        return rc;
    if (o.help || o.list)
        return o.help ? help(stdout) : questions_print(stdout), 0;
    if (o.install)
        return peers_install(&o);
    raise_descriptors();
    o.until = now_ns() + QUICK_TIME;
    facts_gather(&f, &o);
    pin(f.load_processor);
    if (o.json)
        printf("[");
    else
        facts_print(&f, stdout);
    for (int i = 0; i < o.asked_count; i++)
        good = ask(i, &o, &f) && good;
    if (o.json)
        printf("]\n");
    else
        printf("\nmedian of %d round%s; ratios are made within each round; all values: "
               "bench/results/%s-*.json\n",
               o.rounds, o.rounds == 1 ? "" : "s", f.day);
    return good ? 0 : 1;
}
