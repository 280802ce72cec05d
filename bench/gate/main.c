/* SPDX-License-Identifier: MIT
 *
 * gate/main.c - `gate OPERATION` runs one; `gate --list` says which there are. It is of use under
 * callgrind, started by bench/gate/run.
 *
 * What it prints is for bench/gate/run: the number of operations that lies between the two counts,
 * and what the library asked of the world for them.
 */
#include "gate.h"

gate_asked gate_asked_now;
int64_t gate_now = INT64_C(1000000000000);
void (*gate_outside)(void);

static long each;

/* callgrind writes down what it has counted whenever this is called (--dump-before). */
__attribute__((noinline)) void gate_mark(void);
void gate_mark(void)
{
    __asm__ volatile("");
}

static gate_asked run(bench_body *body, long n, void *arg)
{
    gate_asked before = gate_asked_now;
    body(n, arg);
    return (gate_asked){gate_asked_now.calls - before.calls, gate_asked_now.looks - before.looks,
                        gate_asked_now.memory - before.memory};
}

void gate_count(bench_body *body, void *arg)
{
    run(body, each, arg);
    gate_mark();
    gate_asked once = run(body, each, arg);
    gate_mark();
    gate_asked twice = run(body, 2 * each, arg);
    gate_mark();
    printf("counted %ld %" PRId64 " %" PRId64 " %" PRId64 "\n", each, twice.calls - once.calls,
           twice.looks - once.looks, twice.memory - once.memory);
    fflush(stdout);
}

static const gate_operation *find(const char *name)
{
    for (int table = 0; gate_tables[table]; table++)
        for (const gate_operation *o = gate_tables[table]; o->name; o++)
            if (strcmp(o->name, name) == 0)
                return o;
    return NULL;
}

static void list(void)
{
    for (int table = 0; gate_tables[table]; table++)
        for (const gate_operation *o = gate_tables[table]; o->name; o++)
            printf("%-20s %s\n", o->name, o->what);
}

int main(int argc, char **argv)
{
    const gate_operation *o = argc == 2 ? find(argv[1]) : NULL;
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return 0;
    }
    if (!o) {
        fprintf(stderr, "usage: gate OPERATION | --list\n");
        return 2;
    }
    each = o->each;
    return gate_run(o->fn) == 0 ? 0 : 1;
}
