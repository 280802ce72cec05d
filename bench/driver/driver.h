/* SPDX-License-Identifier: MIT
 *
 * driver.h - the parts of the benchmark's driver and what they hand to one another.
 *
 *   questions.c  what is asked, at which sizes, and which limit counts
 *   facts.c      the machine: without it no figure means anything
 *   more.c       the rest of it, which one needs to contest a figure
 *   run.c        one program, in a process of its own, on a processor of its own
 *   load.c       the clients of the servers
 *   peers.c      what bench/peers/build tells about the peers
 *   rounds.c     who takes part, round after round: A B C A B C ...
 *   goals.c      what was wished for, and whether it was reached
 *   growth.c     how the cost of one grows with the number of all
 *   table.c      medians, spreads and ratios, for the eye
 *   json.c       the same, for programs
 *   main.c       the command line
 *
 * The driver links nothing but libc and measures nothing but servers: other programs measure
 * themselves.
 */
#ifndef HARK_BENCH_DRIVER_H
#define HARK_BENCH_DRIVER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define MOST_QUESTIONS   64
#define MOST_CASES       6
#define MOST_KEYS        8
#define MOST_LIMITS      6
#define MOST_GOALS       2
#define MOST_VERDICTS    2 /* for one key of one case, or for its growth */
#define MOST_ROUNDS      99
#define MOST_CONTESTANTS 32
#define MOST_ARGS        8
#define MOST_PEERS       24
#define COUNT(array)     ((int)(sizeof(array) / sizeof *(array)))

/* BOTH: on two processors, for it is about threads; else all run on one. */
enum { QUICK = 1, FULL = 2, ALWAYS = 3, BOTH = 4 };

typedef struct {
    const char *name; /* as shown: "1,000 waiters" */
    const char *args; /* as the programs get it */
    int when;         /* in which kind of run, and where */
} one_case;

/* Which is better: less, more, or neither, so that ratios mean nothing. */
typedef enum { LESS, MORE, PLAIN } better;

/* What hark's answer is held against: the best limit that counts, a peer whose shown name begins
 * with `than`, the answer of whoever counts as limit to the other key `than`, or the bare bound. */
typedef enum { NO_GOAL, TO_LIMIT, TO_PEER, TO_KEY, ABSOLUTE } goal_kind;

typedef struct {
    goal_kind to;
    double bound; /* at most, or, where more is better, at least */
    const char *than;
    long from; /* judged in cases of this size and above; 0: in all */
} goal;

/* As the last field of a key: {"key", "text", LESS, GOAL_LIMIT(1.3)}. */
#define GOAL_LIMIT(x) \
    { \
        { \
            .to = TO_LIMIT, .bound = (x) \
        } \
    }
#define GOAL_LIMIT_FROM(x, n) \
    { \
        { \
            .to = TO_LIMIT, .bound = (x), .from = (n) \
        } \
    }
#define GOAL_AT(x) \
    { \
        { \
            .to = ABSOLUTE, .bound = (x) \
        } \
    }
#define GOAL_AT_FROM(x, n) \
    { \
        { \
            .to = ABSOLUTE, .bound = (x), .from = (n) \
        } \
    }
#define GOAL_KEY(x, other_key) \
    { \
        { \
            .to = TO_KEY, .bound = (x), .than = (other_key) \
        } \
    }

typedef struct {
    const char *key, *text;
    better better;
    goal goals[MOST_GOALS];
} answer_key;

/* A limit's program is called `program args case-args`. */
typedef struct {
    const char *name, *program, *args;
    bool reference; /* "x limit" is against it, or against the best of several in that round */
} one_limit;

/* What a client says to a server, and how it knows the answer: it begins with `begin` and ends with
 * `end`. What is between, a head up to a blank line, is always as long as in the first answer; where
 * `begin` is empty there is none. */
typedef struct {
    const char *request, *begin, *end;
} talk;

typedef struct {
    const char *name, *text;
    const char *program; /* here and of the peers; NULL: called as the question is */
    bool server;         /* the program serves, the driver is the load */
    bool hubs;           /* hark answers once for each hub, as it does where it serves */
    bool growth;         /* cases are sizes of the same thing; asked for by `growth` */
    talk talk;           /* with a server */
    one_case cases[MOST_CASES];
    answer_key keys[MOST_KEYS];
    one_limit limits[MOST_LIMITS];
} question;

extern const question questions[];
extern const int question_count;
const question *question_find(const char *name);
const char *question_program(const question *q);
long case_size(const one_case *c); /* what it is about; 0: nothing that has a size */
void questions_print(FILE *out);

typedef struct {
    const char *root;          /* bench/ */
    const char *programs;      /* where the built programs of bench/ are; limits/ below */
    const char *peer_programs; /* where the peers' may be built */
    const char *peers;         /* "all", "none", or names with commas */
    const char *hubs;          /* names with commas, for the questions that need one */
    const question *asked[MOST_QUESTIONS];
    int asked_count, rounds;
    double patience; /* with one program, seconds */
    double time;     /* for all, seconds; 0: no matter */
    int64_t until;   /* when that is over; 0: never */
    bool quick, json, install, check, list, help;
} options;

/* ---- facts --------------------------------------------------------------------------------- */

/* A fact that nothing here depends on, but that one must know to judge or contest a figure. */
typedef struct {
    const char *name;
    char value[400];
    bool plain; /* a number, true, false or null: JSON as it stands */
} fact;

typedef struct {
    char processor[128], kernel[128], hubs[64], guard[64], date[32], day[16];
    char hubs_refused[400]; /* with the reasons */
    int processors;         /* that we may use */
    int server_processor;   /* where programs run */
    int load_processor;     /* where the load runs: the same if there is but one */
    double memory_gib;
    fact more[32];
    int more_count;
} facts;

typedef struct {
    double all, stolen; /* ticks of all processors since the machine began */
} steal;

void facts_gather(facts *f, const options *o);
void facts_more(facts *f, const options *o);
const char *facts_find(const facts *f, const char *name); /* one of `more`; "": not known */
void facts_print(const facts *f, FILE *out);
steal steal_now(void);
double steal_percent(steal from, steal to);

/* ---- one run ------------------------------------------------------------------------------- */

typedef struct {
    char *argv[MOST_ARGS + 4];
    const char *hub; /* $HARK_HUB; NULL: unset */
    bool quick;      /* $BENCH_SHORT: fewer operations (bench.h) */
    int processor;
    const int *also; /* a second one that it may use; NULL: none */
    double seconds;  /* not longer */
} command;

typedef struct {
    char key[32], unit[12];
    double value;
} answer;

typedef struct {
    answer answers[24];
    int count;
    double seconds;
    bool ok;
    bool skipped;  /* it cannot answer here, at any size */
    char why[256]; /* not ok: the reason, in words */
} result;

typedef struct {
    pid_t pid;
    int out, err;
    int64_t began, until;
} process;

int64_t now_ns(void);
bool interrupted(void); /* somebody wants this to end: what was started is ended, the rest kept */
void interrupts_take(void);
void pin(int processor, const int *also);
void process_start(process *p, const command *c);
int process_line(process *p, char *line, size_t size); /* 1; 0 at the end; -1 out of time */
void process_end(process *p, result *r, bool stop);
void answer_take(result *r, const char *line);
void answer_add(result *r, const char *key, double value, const char *unit);
void run_program(const command *c, result *r);
void run_server(const command *c, const talk *t, int connections, bool quick, result *r);

/* ---- load ---------------------------------------------------------------------------------- */

typedef struct {
    const talk *talk;
    int port, connections;
    pid_t server;
    int64_t warm, measured; /* ns */
} load;

void load_run(const load *l, result *r);

/* ---- contestants --------------------------------------------------------------------------- */

typedef enum { LIMIT, HARK, PEER } side;

typedef struct {
    double median, least, most, x_limit, x_hark;
    int runs;
} summary;

typedef struct {
    side kind;
    char name[64];
    char *argv[MOST_ARGS];
    const char *hub;
    bool reference;
    char why[256];                        /* left out of this question, and why */
    bool gone;                            /* cannot answer here, at any size */
    bool once;                            /* so slow that one run must do */
    double value[MOST_KEYS][MOST_ROUNDS]; /* of the present case; NAN: none */
    summary at[MOST_CASES][MOST_KEYS];    /* of the cases that are over */
} contestant;

/* Of a goal. */
typedef struct {
    char text[128];
    double bound, value; /* NAN: could not be judged */
    bool at_least, judged, reached;
} verdict;

typedef struct {
    const question *question;
    const one_case *now;
    contestant *who;
    int count, rounds;
    int answered;  /* runs that came to something */
    int done;      /* rounds of the present case */
    int64_t until; /* no round begins that would end later; 0: no matter */
    char units[MOST_KEYS][12];
    char notes[32][640]; /* who was left out */
    int note_count;
    const one_case *cases[MOST_CASES];       /* those that are over */
    verdict verdicts[MOST_CASES][MOST_KEYS]; /* of the first goal of each */
    int case_count;
} contest;

void contest_open(contest *c, const question *q, const options *o);
void contest_case(contest *c, const one_case *now, const options *o, const facts *f);
void contest_close(contest *c);
summary contest_summary(const contest *c, int who, int key);
void contest_note(contest *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

double median_of(double *v, int n); /* sorts them; NAN of none */
double contest_best(const contest *c, side kind, int key, int round);
int contest_key(const question *q, const char *key);

/* ---- goals and growth ---------------------------------------------------------------------- */

/* How the cost of one grows from one size to the other. */
typedef struct {
    long from, to;
    double n_log_n; /* what that would be for one */
} span;

int goals_judge(const contest *c, int key, verdict *out);
void goals_count(const contest *c, const char *where, int key, const verdict *v);
void goals_report(FILE *out);

bool growth_span(const contest *c, int key, span *s);
double growth_factor(const contest *c, const span *s, int who, int key);
double growth_beyond(const contest *c, const span *s, int who, int key);
int growth_judge(const contest *c, int key, verdict *out);
void growth_table(const contest *c, FILE *out);

/* ---- peers --------------------------------------------------------------------------------- */

void peers_join(contest *c, const options *o);
int peers_install(const options *o);
bool peers_known(const options *o); /* else says which there are */

/* ---- what is shown ------------------------------------------------------------------------- */

void table_question(const question *q, FILE *out);
void table_case(const contest *c, FILE *out);
void table_notes(const contest *c, FILE *out);
void table_verdicts(const verdict *v, int count, FILE *out);
const char *table_number(double v, char *text); /* of 48 bytes */
const char *table_size(long n, char *text);
const char *table_verdict(const verdict *v, char *text);
const char *table_times(double v, char *text);
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

void json_open(FILE *out, const question *q, const options *o, const facts *f);
void json_case(FILE *out, const contest *c, bool first);
void json_close(FILE *out, const contest *c, bool complete, double stolen);

#endif
