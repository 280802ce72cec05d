/* SPDX-License-Identifier: MIT
 *
 * main.c - the benchmark's command line, and the walk through the questions.
 *
 * Exit status: 0 all asked questions were answered by somebody; 1 one was answered by nobody, or a
 * file could not be written; 2 the command line was wrong (and nothing was run); 130 interrupted.
 * A time, and a goal that was missed, is never a failure.
 *
 * A document is written under another name and gets its own when all of it is there: who reads
 * bench/results never meets half of one. What comes of less than a whole run (quick, interrupted,
 * or with some peers or hubs only) is a NAME.part.json, so that trying something out never takes
 * the place of what took an hour.
 */
#include "driver.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define QUICK_TIME 100 /* s; what runs then may end */
#define ALL_HUBS   "uring,epoll,poll,select"

static void help(FILE *out)
{
    fprintf(out,
            "./dev bench [QUESTION...] [options]\n\n"
            "Measures hark, the physical limit and its peers side by side, in rounds. Without a\n"
            "question all are asked but those of growth; `./dev bench growth` asks those: how the\n"
            "cost of one grows from 10 tasks (timers, descriptors, scopes) to 1,000,000. A question\n"
            "may be cut short: `spawn` asks all that begin so.\n\n"
            "  --quick        small sizes, 3 rounds, no peers, two hubs: under two minutes in all\n"
            "  --rounds N     how many rounds (1 to %d; otherwise 5)\n"
            "  --peers LIST   all (the default), none, or names with commas: go,st\n"
            "  --hubs LIST    for servers: uring,epoll,poll,select (the default)\n"
            "  --patience S   give up on a program after S seconds (otherwise 180, quick 20)\n"
            "  --time S       ask nothing more after S seconds (otherwise no matter, quick %d)\n"
            "  --json         JSON on stdout instead of tables\n"
            "  --list         the questions\n"
            "  --install      install the peers (all, or those of --peers) and stop\n\n"
            "Results are kept in bench/results/. The questions:\n",
            MOST_ROUNDS, QUICK_TIME);
    questions_print(out);
}

static int wrong(const char *format, const char *what)
{
    fprintf(stderr, "bench: ");
    fprintf(stderr, format, what);
    fprintf(stderr, "\n");
    return 2;
}

static void ask_for(options *o, const question *q)
{
    for (int i = 0; i < o->asked_count; i++)
        if (o->asked[i] == q)
            return;
    if (o->asked_count < COUNT(o->asked))
        o->asked[o->asked_count++] = q;
}

/* All that are of growth, or all that are not. */
static void ask_all(options *o, bool growth)
{
    for (int i = 0; i < question_count; i++)
        if (questions[i].growth == growth)
            ask_for(o, &questions[i]);
}

/* One by its name, or all that begin so: `growth`, `spawn`. */
static int take_question(options *o, const char *name)
{
    const question *q = question_find(name);
    bool found = q != NULL;
    if (q)
        ask_for(o, q);
    for (int i = 0; !q && name[0] && i < question_count; i++) {
        if (strncmp(questions[i].name, name, strlen(name)) == 0) {
            ask_for(o, &questions[i]);
            found = true;
        }
    }
    if (found)
        return 0;
    wrong("no question is called '%s', or begins so; there are", name);
    questions_print(stderr);
    return 2;
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

static int take_seconds(double *seconds, const char *value)
{
    char *end;
    double n = strtod(value, &end);
    if (*end || end == value || !(n > 0 && n <= 86400))
        return wrong("'%s' is no number of seconds", value);
    *seconds = n;
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
    if ((v = valued("--patience", argv, i, &bad)))
        return bad ? wrong("%s needs a number", "--patience") : take_seconds(&o->patience, v);
    if ((v = valued("--time", argv, i, &bad)))
        return bad ? wrong("%s needs a number", "--time") : take_seconds(&o->time, v);
    if ((v = valued("--hubs", argv, i, &bad)))
        return bad || !*v ? wrong("%s needs names", "--hubs") : take_hubs(o, v);
    if ((v = valued("--peers", argv, i, &bad)))
        return bad || !*v ? wrong("%s needs names", "--peers") : (o->peers = v, 0);
    struct {
        const char *name, **value;
    } places[] = {
        {"--root", &o->root}, {"--programs", &o->programs}, {"--peer-programs", &o->peer_programs}};
    for (int n = 0; n < COUNT(places); n++)
        if ((v = valued(places[n].name, argv, i, &bad)))
            return bad ? wrong("%s needs a value", places[n].name) : (*places[n].value = v, 0);
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
    for (int i = 1; argv[i]; i++) {
        int rc = take_one(o, argv, &i);
        if (rc)
            return rc;
    }
    if (!o->rounds)
        o->rounds = o->quick ? 3 : 5;
    if (!o->patience)
        o->patience = o->quick ? 20 : 180;
    if (!o->time && o->quick)
        o->time = QUICK_TIME;
    if (!o->hubs)
        o->hubs = o->quick ? "uring,epoll" : ALL_HUBS;
    if (!o->peers)
        o->peers = o->quick ? "none" : "all";
    if (!o->asked_count)
        ask_all(o, false);
    return peers_known(o) ? 0 : 2;
}

/* ---- documents ----------------------------------------------------------------------------- */

typedef struct {
    char *text;
    size_t size;
    FILE *out; /* into memory: a full disk does not take it from stdout, too */
} document;

static void document_open(document *d)
{
    memset(d, 0, sizeof *d);
    d->out = open_memstream(&d->text, &d->size);
    if (!d->out) {
        perror("bench: open_memstream");
        exit(1);
    }
}

static bool any_kept, any_part;

/* Said once: it is the same for every question. */
static bool only_shown(const char *path)
{
    static bool said;
    if (!said)
        fprintf(stderr, "bench: %s: %s; the results are only shown\n", path, strerror(errno));
    said = true;
    return false;
}

static bool write_whole(const char *path, const char *text, size_t size)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    bool good = fwrite(text, 1, size, f) == size;
    good = fclose(f) == 0 && good;
    if (!good) {
        int why = errno;
        unlink(path);
        errno = why;
    }
    return good;
}

static bool is_whole(const options *o)
{
    return !o->quick && !o->time && !interrupted() && strcmp(o->peers, "all") == 0 &&
           strcmp(o->hubs, ALL_HUBS) == 0;
}

static bool document_keep(const document *d, const char *name, const options *o, const facts *f)
{
    char path[1024], half[1024];
    snprintf(path, sizeof path, "%s/results", o->root);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return only_shown(path);
    snprintf(path, sizeof path, "%s/results/%s-%s%s.json", o->root, f->day, name,
             is_whole(o) ? "" : ".part");
    snprintf(half, sizeof half, "%s/results/.%s-%s.%d", o->root, f->day, name, (int)getpid());
    if (!write_whole(half, d->text, d->size) || rename(half, path) != 0)
        return only_shown(path);
    any_part = any_part || !is_whole(o);
    return any_kept = true;
}

static void document_close(document *d)
{
    free(d->text);
}

/* ---- questions ----------------------------------------------------------------------------- */

static bool is_asked(const options *o, const one_case *c)
{
    return c->when & (o->quick ? QUICK : FULL);
}

/* How long a case may take, beside others. */
static int weight(const options *o, const question *q, int at)
{
    const one_case *c = &q->cases[at];
    bool large = q->server || q->hubs || case_size(c) >= 10000 || c->when & BOTH;
    return is_asked(o, c) ? (large ? 5 : 1) : 0;
}

static int weights(const options *o, const question *q, int from)
{
    int sum = 0;
    for (int i = from; i < MOST_CASES && q->cases[i].name; i++)
        sum += weight(o, q, i);
    return sum;
}

/* A run of which the time is bounded shares what is left of it among the cases that are left; who
 * needs less leaves the rest to those who follow. */
static int64_t share(const options *o, int question_at, int case_at)
{
    const question *q = o->asked[question_at];
    int left = weights(o, q, case_at);
    for (int i = question_at + 1; i < o->asked_count; i++)
        left += weights(o, o->asked[i], 0);
    return o->until ? now_ns() + (o->until - now_ns()) * weight(o, q, case_at) / left : 0;
}

static bool time_is_up(const options *o)
{
    return o->until && now_ns() >= o->until;
}

static void count_goals(const contest *c)
{
    verdict v[MOST_VERDICTS];
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++)
        for (int n = goals_judge(c, k, v); n > 0; n--)
            goals_count(c, c->now->name, k, &v[n - 1]);
}

static void count_growth(const contest *c)
{
    verdict v[MOST_VERDICTS];
    for (int k = 0; k < MOST_KEYS && c->question->keys[k].key; k++)
        for (int n = growth_judge(c, k, v); n > 0; n--)
            goals_count(c, "", k, &v[n - 1]);
}

/* A case that is named for its two processors says nothing on one; others make do with it. */
static bool lacks_processor(contest *c, const one_case *one)
{
    if (one->name[0])
        contest_note(c, "%s: there is but one here", one->name);
    else
        contest_note(c, "the second processor, for there is but one: threads share it");
    return one->name[0];
}

static void ask_cases(contest *c, int at, const options *o, const facts *f, FILE *out)
{
    const question *q = c->question;
    int cases = 0;
    for (int i = 0; c->count > 0 && i < MOST_CASES && q->cases[i].name; i++) {
        if (!is_asked(o, &q->cases[i]) || interrupted())
            continue;
        if (q->cases[i].when & BOTH && f->processors == 1 && lacks_processor(c, &q->cases[i]))
            continue;
        if (cases > 0 && time_is_up(o)) {
            contest_note(c, "%s: time was up", q->cases[i].name);
            continue;
        }
        c->until = share(o, at, i);
        contest_case(c, &q->cases[i], o, f);
        json_case(out, c, cases++ == 0);
        if (!o->json && !q->growth)
            table_case(c, stdout);
        count_goals(c);
    }
    if (q->growth)
        count_growth(c);
}

/* What is said below the tables of a question. */
static void close_tables(const contest *c, double stolen)
{
    if (c->question->growth)
        growth_table(c, stdout);
    table_notes(c, stdout);
    if (interrupted())
        printf("  interrupted: not complete\n");
    if (stolen > 1)
        printf("  the host took %.1f %% of the processors' time meanwhile\n", stolen);
}

static bool ask(int at, const options *o, const facts *f)
{
    contest c;
    document d;
    const question *q = o->asked[at];
    steal before = steal_now();
    document_open(&d);
    contest_open(&c, q, o);
    json_open(d.out, q, o, f);
    if (!o->json)
        table_question(q, stdout);
    ask_cases(&c, at, o, f, d.out);
    double stolen = steal_percent(before, steal_now());
    json_close(d.out, &c, !interrupted(), stolen);
    fclose(d.out);
    if (o->json)
        printf("%s%s", at == 0 ? "" : ",\n", d.text);
    else
        close_tables(&c, stolen);
    fflush(stdout);
    bool kept = document_keep(&d, q->name, o, f);
    document_close(&d);
    contest_close(&c);
    return c.answered > 0 && kept;
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

/* After the first `asked` of them. */
static void say_who_was_not_asked(const options *o, int asked)
{
    if (asked < o->asked_count)
        printf("\n%snot asked any more:", time_is_up(o) ? "time was up; " : "");
    for (int i = asked; i < o->asked_count; i++)
        printf("%s%s", i == asked ? " " : ", ", o->asked[i]->name);
    if (strcmp(o->peers, "none") == 0)
        printf("\nno peers were asked; --peers all asks those that are installed");
    printf("\n");
}

static void say_how(const options *o, const facts *f, int asked)
{
    goals_report(stdout);
    say_who_was_not_asked(o, asked);
    printf("%s %d round%s; ratios are made within each round",
           o->until || interrupted() ? "median of up to" : "median of", o->rounds,
           o->rounds == 1 ? "" : "s");
    if (any_kept)
        printf("; all values: bench/results/%s-*.json", f->day);
    printf("\n");
    if (any_part)
        printf("(.part.json: of less than a whole run; it takes the place of none that is whole)\n");
}

static int ask_them(const options *o, const facts *f)
{
    bool good = true;
    int asked = 0;
    if (o->json)
        printf("[");
    else
        facts_print(f, stdout);
    for (; asked < o->asked_count && !interrupted() && !ferror(stdout); asked++) {
        if (time_is_up(o))
            break;
        good = ask(asked, o, f) && good;
    }
    if (o->json)
        printf("]\n");
    else
        say_how(o, f, asked);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "bench: stdout: %s\n", strerror(errno));
        good = false;
    }
    return interrupted() ? 130 : good ? 0 : 1;
}

/* Two at once share the processors, so that neither can be believed. Who is first has a name which
 * there is but once on a machine, and which goes with it. */
static void warn_of_others(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0hark-bench"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof name) != 0 && errno == EADDRINUSE)
        fprintf(stderr, "bench: another run is under way on this machine: do not believe either\n");
}

int main(int argc, char **argv)
{
    options o;
    facts f;
    (void)argc;
    int rc = take_options(&o, argv);
    if (rc || o.check)
        return rc;
    if (o.help || o.list)
        return o.help ? help(stdout) : questions_print(stdout), 0;
    if (o.install)
        return peers_install(&o);
    raise_descriptors();
    interrupts_take();
    warn_of_others();
    o.until = o.time ? now_ns() + (int64_t)(o.time * 1e9) : 0;
    facts_gather(&f, &o);
    pin(f.load_processor, NULL);
    return ask_them(&o, &f);
}
