/* SPDX-License-Identifier: MIT
 *
 * more.c - the facts on which nothing here depends, but without which nobody can judge a figure or
 * contest it: which hark, compiled how, on a machine set up how.
 *
 * What cannot be read is null, or said to be unknown; nothing is guessed. How the programs were
 * compiled is read from one of them, where the compiler has written it, not from a build's files:
 * those may have changed since.
 */
#include "driver.h"
#include <gnu/libc-version.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNKNOWN "unknown"

static fact *more(facts *f, const char *name)
{
    fact *one = &f->more[f->more_count < COUNT(f->more) - 1 ? f->more_count++ : f->more_count];
    memset(one, 0, sizeof *one);
    one->name = name;
    return one;
}

static void words(facts *f, const char *name, const char *value)
{
    fact *one = more(f, name);
    snprintf(one->value, sizeof one->value, "%s", value[0] ? value : UNKNOWN);
}

static void __attribute__((format(printf, 3, 4)))
plain(facts *f, const char *name, const char *format, ...)
{
    fact *one = more(f, name);
    va_list rest;
    one->plain = true;
    va_start(rest, format);
    vsnprintf(one->value, sizeof one->value, format, rest);
    va_end(rest);
}

const char *facts_find(const facts *f, const char *name)
{
    for (int i = 0; i < f->more_count; i++)
        if (strcmp(f->more[i].name, name) == 0)
            return f->more[i].value;
    return "";
}

/* The first line of a file, or of what a command says; "": there is none. */
static const char *first_line(FILE *from, char *line, size_t size)
{
    if (!from || !fgets(line, (int)size, from))
        line[0] = 0;
    line[strcspn(line, "\n")] = 0;
    return line;
}

static const char *file_line(const char *path, char *line, size_t size)
{
    FILE *f = fopen(path, "r");
    first_line(f, line, size);
    if (f)
        fclose(f);
    return line;
}

static void file_words(facts *f, const char *name, const char *path)
{
    char line[256];
    words(f, name, file_line(path, line, sizeof line));
}

static void file_number(facts *f, const char *name, const char *path)
{
    char line[64], *end;
    long long n = strtoll(file_line(path, line, sizeof line), &end, 10);
    if (end == line)
        plain(f, name, "null");
    else
        plain(f, name, "%lld", n);
}

/* ---- hark ---------------------------------------------------------------------------------- */

/* Of the sources that lie here; "-dirty" if they differ from that commit. */
static void commit(facts *f, const options *o)
{
    char line[1200];
    snprintf(line, sizeof line, "git -C '%s' describe --always --dirty --tags 2>/dev/null", o->root);
    FILE *git = popen(line, "r");
    words(f, "commit", first_line(git, line, sizeof line));
    if (git)
        pclose(git);
}

/* The text at `p` up to its NUL; the whole is in memory up to `end`. */
static void copy_text(char *to, size_t size, const char *p, const char *end)
{
    size_t n = strnlen(p, (size_t)(end - p));
    snprintf(to, size, "%.*s", (int)(n < size ? n : size - 1), p);
}

/* "GNU C11 12.2.0 -march=... -O2 ..." where there are debug facts, else "GCC: (Debian ...) ...". */
static const char *producer(const char *image, size_t size)
{
    static const char *const marks[] = {"GNU C1", "GNU C2", "clang version ", "GCC: ("};
    for (int i = 0; i < COUNT(marks); i++) {
        const char *found = memmem(image, size, marks[i], strlen(marks[i]));
        if (found)
            return found;
    }
    return NULL;
}

static void built_with(facts *f, const char *found, const char *end)
{
    char text[400] = UNKNOWN;
    if (found)
        copy_text(text, sizeof text, found, end);
    char *flags = strstr(text, " -");
    words(f, "flags", flags ? flags + 1 : UNKNOWN);
    if (flags)
        *flags = 0;
    words(f, "compiler", text);
}

static void compiled(facts *f, const options *o)
{
    char path[1024];
    struct stat s = {0};
    snprintf(path, sizeof path, "%s/hubs", o->programs);
    FILE *file = fopen(path, "r");
    char *image = MAP_FAILED;
    if (file && fstat(fileno(file), &s) == 0 && s.st_size > 0)
        image = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fileno(file), 0);
    if (image == MAP_FAILED) {
        built_with(f, NULL, NULL);
    } else {
        built_with(f, producer(image, (size_t)s.st_size), image + s.st_size);
        munmap(image, (size_t)s.st_size);
    }
    if (file)
        fclose(file);
}

/* ---- the machine --------------------------------------------------------------------------- */

/* "L1 32K, L1 32K, L2 512K, L3 32768K": what a growth breaks its steps at. */
static void caches(facts *f, int processor)
{
    char path[128], level[16], size[32], all[256] = "";
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/level", processor,
                 i);
        file_line(path, level, sizeof level);
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cache/index%d/size", processor, i);
        file_line(path, size, sizeof size);
        if (level[0] && size[0])
            snprintf(all + strlen(all), sizeof all - strlen(all), "%sL%s %s", all[0] ? ", " : "",
                     level, size);
    }
    words(f, "caches", all);
}

static bool told_hypervisor(void)
{
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[4096];
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, "flags", 5) == 0 && strstr(line, " hypervisor");
    if (f)
        fclose(f);
    return found;
}

static const char *container(void)
{
    const char *named = getenv("container");
    if (named && named[0])
        return named;
    return access("/.dockerenv", F_OK) == 0          ? "docker"
           : access("/run/.containerenv", F_OK) == 0 ? "podman"
                                                     : "none seen";
}

static void frequency(facts *f, int processor)
{
    char path[128];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", processor);
    file_words(f, "governor", path);
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpufreq/scaling_max_freq", processor);
    file_number(f, "khz_most", path);
}

static void one_limit_of(facts *f, const char *name, int which)
{
    struct rlimit r;
    if (getrlimit(which, &r) != 0)
        plain(f, name, "null");
    else if (r.rlim_cur == RLIM_INFINITY)
        words(f, name, "unlimited");
    else
        plain(f, name, "%llu", (unsigned long long)r.rlim_cur);
}

static void limits(facts *f)
{
    one_limit_of(f, "limit_nofile", RLIMIT_NOFILE);
    one_limit_of(f, "limit_nproc", RLIMIT_NPROC);
    one_limit_of(f, "limit_memlock", RLIMIT_MEMLOCK);
    one_limit_of(f, "limit_address_space", RLIMIT_AS);
    file_number(f, "max_map_count", "/proc/sys/vm/max_map_count");
    file_number(f, "overcommit_memory", "/proc/sys/vm/overcommit_memory");
    file_number(f, "io_uring_disabled", "/proc/sys/kernel/io_uring_disabled");
}

void facts_more(facts *f, const options *o)
{
    f->more_count = 0;
    words(f, "hubs_refused", f->hubs_refused[0] ? f->hubs_refused : "none");
    commit(f, o);
    compiled(f, o);
    words(f, "libc", gnu_get_libc_version());
    caches(f, f->server_processor);
    frequency(f, f->server_processor);
    file_words(f, "clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
    file_words(f, "huge_pages", "/sys/kernel/mm/transparent_hugepage/enabled");
    file_words(f, "spectre_v2", "/sys/devices/system/cpu/vulnerabilities/spectre_v2");
    plain(f, "page_size", "%ld", sysconf(_SC_PAGESIZE));
    plain(f, "virtual_machine", told_hypervisor() ? "true" : "false");
    words(f, "container", container());
    file_words(f, "cgroup_cpu_max", "/sys/fs/cgroup/cpu.max");
    file_words(f, "load_before", "/proc/loadavg");
    plain(f, "program_processor", "%d", f->server_processor);
    plain(f, "load_processor", "%d", f->load_processor);
    limits(f);
}
