/* SPDX-License-Identifier: MIT
 *
 * facts.c - the machine, in a few lines on top of every result.
 *
 * Stolen time matters most: where a host gives a guest's processor to somebody else, only ratios
 * within a round mean anything, and even they are as wide as the spread says.
 */
#include "driver.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define ADVICE_GUARD_INSTALL 102

static void processor_name(char *name, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    snprintf(name, size, "unknown processor");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (colon && (strncmp(line, "model name", 10) == 0 || strncmp(line, "CPU part", 8) == 0)) {
            line[strcspn(line, "\n")] = 0;
            snprintf(name, size, "%.100s", colon + 2);
            break;
        }
    }
    if (f)
        fclose(f);
}

/* The first that we may use is the programs', the second the load's. */
static void processors(facts *f)
{
    cpu_set_t set;
    f->server_processor = f->load_processor = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET(i, &set))
            continue;
        if (f->processors++ == 0)
            f->server_processor = f->load_processor = i;
        else if (f->processors == 2)
            f->load_processor = i;
    }
}

static void guard_way(char *way, size_t size)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool light = page != MAP_FAILED && madvise(page, 4096, ADVICE_GUARD_INSTALL) == 0;
    snprintf(way, size, "%s", light ? "MADV_GUARD_INSTALL" : "mprotect (no light guards here)");
    if (page != MAP_FAILED)
        munmap(page, 8192);
}

static void append(char *list, size_t size, const char *between, const char *word)
{
    size_t n = strlen(list);
    snprintf(list + n, size - n, "%s%s", n ? between : "", word);
}

/* A hub is there if a program that only sleeps runs on it; which is asked whether or not it is to
 * be measured. */
static void hubs_there(facts *f, const options *o)
{
    static const char *const hubs[] = {"uring", "epoll", "poll", "select"};
    char program[512], why[300];
    snprintf(program, sizeof program, "%s/hubs", o->programs);
    if (access(program, X_OK) != 0) {
        snprintf(f->hubs, sizeof f->hubs, "hark is not built");
        return;
    }
    for (int i = 0; i < COUNT(hubs) && !interrupted(); i++) {
        command c = {
            .argv = {program, NULL}, .hub = hubs[i], .processor = f->server_processor, .seconds = 10};
        result r;
        run_program(&c, &r);
        snprintf(why, sizeof why, "%s: %s", hubs[i], r.why);
        if (r.ok)
            append(f->hubs, sizeof f->hubs, " ", hubs[i]);
        else
            append(f->hubs_refused, sizeof f->hubs_refused, "; ", why);
    }
    if (!f->hubs[0])
        snprintf(f->hubs, sizeof f->hubs, "none");
}

void facts_gather(facts *f, const options *o)
{
    struct utsname u;
    time_t now = time(NULL);
    struct tm *t = localtime(&now);
    memset(f, 0, sizeof *f);
    processor_name(f->processor, sizeof f->processor);
    processors(f);
    uname(&u);
    snprintf(f->kernel, sizeof f->kernel, "%.16s %.64s %.32s", u.sysname, u.release, u.machine);
    guard_way(f->guard, sizeof f->guard);
    strftime(f->day, sizeof f->day, "%Y-%m-%d", t);
    strftime(f->date, sizeof f->date, "%Y-%m-%dT%H:%M:%S%z", t);
    f->memory_gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
    hubs_there(f, o);
    facts_more(f, o);
}

void facts_print(const facts *f, FILE *out)
{
    fprintf(out, "%s, %d processor%s usable, %.0f GiB\n", f->processor, f->processors,
            f->processors == 1 ? "" : "s", f->memory_gib);
    fprintf(out, "%s; stacks guarded by %s; hubs: %s\n", f->kernel, f->guard, f->hubs);
    if (f->hubs_refused[0])
        fprintf(out, "no hub %s\n", f->hubs_refused);
    fprintf(out, "hark %s, compiled by %s\n", facts_find(f, "commit"), facts_find(f, "compiler"));
    if (f->processors > 1)
        fprintf(out, "programs on processor %d, load on %d; ", f->server_processor,
                f->load_processor);
    else
        fprintf(out, "only one processor: server and load share it, so echo says little; ");
    fprintf(out, "%s\n", f->date);
}

steal steal_now(void)
{
    FILE *f = fopen("/proc/stat", "r");
    double t[8] = {0};
    steal s = {0, 0};
    if (f && fscanf(f, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &t[0], &t[1], &t[2], &t[3], &t[4],
                    &t[5], &t[6], &t[7]) == 8) {
        for (int i = 0; i < 8; i++)
            s.all += i == 3 || i == 4 ? 0 : t[i]; /* not the idle time */
        s.stolen = t[7];
    }
    if (f)
        fclose(f);
    return s;
}

double steal_percent(steal from, steal to)
{
    double all = to.all - from.all;
    return all > 0 ? 100 * (to.stolen - from.stolen) / all : 0;
}
