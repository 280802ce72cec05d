/* SPDX-License-Identifier: MIT
 *
 * driver.h - the parts of the benchmark's driver and what they hand to one another.
 *
 *   questions.c  what is asked, at which sizes, and which limit counts
 *   facts.c      the machine: without it no figure means anything
 *   run.c        one program, in a process of its own, on a processor of its own
 *   load.c       the clients of the echo question
 *   peers.c      what bench/peers/build tells about the peers
 *   rounds.c     who takes part, round after round: A B C A B C ...
 *   table.c      medians, spreads and ratios, for the eye
 *   json.c       the same, for programs
 *   main.c       the command line
 *
 * The driver links nothing but libc and measures nothing but echo: the programs measure themselves.
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

#define MOST_QUESTIONS   32
#define MOST_CASES       4
#define MOST_KEYS        8
#define MOST_LIMITS      4
#define MOST_ROUNDS      99
#define MOST_CONTESTANTS 32
#define MOST_ARGS        8
#define MOST_PEERS       24
#define COUNT(array)     ((int)(sizeof(array) / sizeof *(array)))

enum { QUICK = 1, FULL = 2, ALWAYS = 3 };

typedef struct {
    const char *name; /* as shown: "1,000 waiters" */
    const char *args; /* as the programs get it */
    int when;         /* in which kind of run */
} one_case;

/* Which is better: less, more, or neither, so that ratios mean nothing. */
typedef enum { LESS, MORE, PLAIN } better;

typedef struct {
    const char *key, *text;
    better better;
} answer_key;

/* A limit's program is called `program args case-args`. */
typedef struct {
    const char *name, *program, *args;
    bool reference; /* "x limit" is against it, or against the best of several in that round */
} one_limit;

typedef struct {
    const char *name, *text;
    bool server; /* the program serves, the driver is the load */
    one_case cases[MOST_CASES];
    answer_key keys[MOST_KEYS];
    one_limit limits[MOST_LIMITS];
} question;

extern const question questions[];
extern const int question_count;
const question *question_find(const char *name);
void questions_print(FILE *out);

typedef struct {
    const char *root;          /* bench/ */
    const char *programs;      /* where the built programs of bench/ are; limits/ below */
    const char *peer_programs; /* where the peers' may be built */
    const char *peers;         /* "all", "none", or names with commas */
    const char *hubs;          /* names with commas, for the questions that need one */
    const question *asked[MOST_QUESTIONS];
    int asked_count, rounds;
    int64_t until; /* a quick run is over by then */
    bool quick, json, install, check, list, help;
} options;

/* ---- facts --------------------------------------------------------------------------------- */

typedef struct {
    char processor[128], kernel[128], hubs[64], guard[64], date[32], day[16];
    int processors;       /* that we may use */
    int server_processor; /* where programs run */
    int load_processor;   /* where the load runs: the same if there is but one */
    double memory_gib;
} facts;

typedef struct {
    double all, stolen; /* ticks of all processors since the machine began */
} steal;

void facts_gather(facts *f, const options *o);
void facts_print(const facts *f, FILE *out);
steal steal_now(void);
double steal_percent(steal from, steal to);

/* ---- one run ------------------------------------------------------------------------------- */

typedef struct {
    char *argv[MOST_ARGS + 4];
    const char *hub; /* $HARK_HUB; NULL: unset */
    int processor;
    double seconds; /* not longer */
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
void pin(int processor);
void process_start(process *p, const command *c);
int process_line(process *p, char *line, size_t size); /* 1; 0 at the end; -1 out of time */
void process_end(process *p, result *r, bool stop);
void answer_take(result *r, const char *line);
void answer_add(result *r, const char *key, double value, const char *unit);
void run_program(const command *c, result *r);
void run_server(const command *c, int connections, bool quick, result *r);

/* ---- load ---------------------------------------------------------------------------------- */

typedef struct {
    int port, connections;
    pid_t server;
    int64_t warm, measured; /* ns */
} load;

void load_run(const load *l, result *r);

/* ---- contestants --------------------------------------------------------------------------- */

typedef enum { LIMIT, HARK, PEER } side;

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
} contestant;

typedef struct {
    const question *question;
    const one_case *now;
    contestant *who;
    int count, rounds;
    int answered;  /* runs that came to something */
    int done;      /* rounds of the present case */
    int64_t until; /* no round begins that would end later; 0: no matter */
    char units[MOST_KEYS][12];
    char notes[16][320]; /* who was left out */
    int note_count;
} contest;

typedef struct {
    double median, least, most, x_limit, x_hark;
    int runs;
} summary;

void contest_open(contest *c, const question *q, const options *o);
void contest_case(contest *c, const one_case *now, const options *o, const facts *f);
void contest_close(contest *c);
summary contest_summary(const contest *c, int who, int key);
void contest_note(contest *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- peers --------------------------------------------------------------------------------- */

void peers_join(contest *c, const options *o);
int peers_install(const options *o);
bool peers_known(const options *o); /* else says which there are */

/* ---- what is shown ------------------------------------------------------------------------- */

void table_question(const question *q, FILE *out);
void table_case(const contest *c, FILE *out);
void table_notes(const contest *c, FILE *out);
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

void json_open(FILE *out, const question *q, const options *o, const facts *f);
void json_case(FILE *out, const contest *c, bool first);
void json_close(FILE *out, const contest *c, double stolen);

#endif
