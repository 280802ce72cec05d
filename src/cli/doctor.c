/* SPDX-License-Identifier: MIT
 *
 * doctor.c - `hark doctor`: what this machine gives hark, what it refuses, and what to do about it.
 *
 * Idea     Nothing is guessed from versions: everything is tried, and what may kill the process (a
 *          seccomp filter that answers an io_uring call with a signal) is tried in a child.
 */
#include <errno.h>
#include <hark.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

static int troubles;

static void line(const char *what, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(const char *what, const char *format, ...)
{
    va_list arguments;

    printf("%-14s ", what);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}

static void advise(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void advise(const char *format, ...)
{
    va_list arguments;

    printf("%-14s -> ", "");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    troubles++;
}

/* ---- hubs -------------------------------------------------------------------------------------- */

static int one_turn(void *arg)
{
    (void)arg;
    return hark_yield();
}

/* Does a loop run with it? words: why not. A child tries, and tells by a pipe. */
static bool try_hub(const char *hub, char *words, size_t size)
{
    int ends[2], status = 0;

    *words = 0;
    if (pipe(ends)) {
        snprintf(words, size, "%s", strerror(errno));
        return false;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        const hark_options options = {.size = sizeof options, .hub = hub};
        int rc = hark_run_with(&options, one_turn, NULL);
        const char *why = rc ? hark_error_last() : "";
        _exit(write(ends[1], why, strlen(why)) < 0 || rc != 0);
    }
    close(ends[1]);
    ssize_t length = pid > 0 ? read(ends[0], words, size - 1) : -1;
    words[length > 0 ? length : 0] = 0;
    close(ends[0]);
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        snprintf(words, size, "no process to try it in: %s", strerror(errno));
        return false;
    }
    if (WIFSIGNALED(status)) {
        snprintf(words, size, "asking for it kills the process (%s): a seccomp filter forbids it",
                 strsignal(WTERMSIG(status)));
    }
    return status == 0;
}

static bool is_one_of_ours(const char *hub)
{
    return strcmp(hub, "uring") == 0 || strcmp(hub, "epoll") == 0 || strcmp(hub, "poll") == 0 ||
           strcmp(hub, "select") == 0;
}

static void look_at_hubs(void)
{
    static const char *const hubs[] = {"uring", "epoll", "poll", "select"};
    const char *asked = getenv("HARK_HUB");
    char words[512];
    const char *best = NULL;

    for (int i = 0; i < 4; i++) {
        bool works = try_hub(hubs[i], words, sizeof words);
        best = works && !best ? hubs[i] : best;
        line(i == 0 ? "hubs" : "", "%-7s %s%s", hubs[i],
             works ? "works" : "refused: ", works ? "" : words);
        if (!works && strstr(words, "kills the process")) {
            advise("set HARK_HUB=epoll: then no io_uring call is ever made");
        }
    }
    if (asked && *asked) {
        line("hub", "%s, by HARK_HUB", asked);
        if (!is_one_of_ours(asked) && strcmp(asked, "auto") != 0) {
            advise("there is no such hub; unset HARK_HUB, or take one of the above");
        }
    } else if (best) {
        line("hub", "%s, the first that works", best);
    } else {
        line("hub", "none");
        advise("no loop can run here");
    }
}

/* ---- the rest ---------------------------------------------------------------------------------- */

static void look_at_stacks(void)
{
    const char *guard = hark_guard();

    line("stacks", "64 KiB of address space each, guarded by %s", guard);
    if (strcmp(guard, "MADV_GUARD_INSTALL") != 0) {
        advise("Linux 6.13 and newer guard any number of stacks for nothing; here the first some "
               "30,000 by mprotect, further ones by a canary that is looked at when a task ends");
    }
}

static void put_limit(const char *what, int resource, rlim_t wanted, const char *advice)
{
    struct rlimit limit;
    char soft[32] = "unlimited", hard[32] = "unlimited";

    if (getrlimit(resource, &limit)) {
        line(what, "unknown: %s", strerror(errno));
        return;
    }
    if (limit.rlim_cur != RLIM_INFINITY) {
        snprintf(soft, sizeof soft, "%llu", (unsigned long long)limit.rlim_cur);
    }
    if (limit.rlim_max != RLIM_INFINITY) {
        snprintf(hard, sizeof hard, "%llu", (unsigned long long)limit.rlim_max);
    }
    line(what, "%s, may be raised to %s", soft, hard);
    if (limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < wanted) {
        advise("%s", advice);
    }
}

static void put_first_line(const char *what, const char *path)
{
    char text[256] = "unknown";
    FILE *file = fopen(path, "re");

    if (!file) {
        line(what, "unknown: %s: %s", path, strerror(errno));
        return;
    }
    if (fgets(text, sizeof text, file)) {
        text[strcspn(text, "\n")] = 0;
    }
    fclose(file);
    line(what, "%s", text);
}

static void look_at_limits(void)
{
    put_limit("descriptors", RLIMIT_NOFILE, 4096,
              "a server wants one for each connection: ulimit -n, or LimitNOFILE= of its service");
    put_limit("address space", RLIMIT_AS, (rlim_t)16 << 30,
              "a million stacks take 64 GiB of addresses (not of memory): ulimit -v unlimited");
    put_first_line("mappings", "/proc/sys/vm/max_map_count");
    put_first_line("overcommit", "/proc/sys/vm/overcommit_memory");
}

static void look_at_files(void)
{
    struct cli_place place;
    char cache[CLI_PATH];

    if (cli_place_find(&place)) {
        troubles++;
    } else {
        line("headers", "%s", place.include);
        line("libraries", "%s", place.library);
    }
    if (cli_cache_folder(cache)) {
        line("cache", "%s", cache);
    } else {
        line("cache", "none: no home that can be written to");
        advise("hark run compiles anew each time; set XDG_CACHE_HOME to a folder of yours");
    }
}

int cli_doctor(int argc, char **argv)
{
    static const char help[] =
        "usage: hark doctor\n\nTries everything that hark may use on this machine, and says what "
        "works, what is refused and by\nwhom. Exit status 0: nothing to advise; 1: see the "
        "lines with an arrow.";
    struct utsname name;

    if (cli_gave_help(argc, argv, help)) {
        return 0;
    }
    if (argc > 1) {
        return cli_misuse("doctor", "it takes no arguments");
    }
    uname(&name);
    line("hark", "%s", hark_version());
    line("kernel", "%s %s, %s", name.sysname, name.release, name.machine);
    line("processors", "%ld", sysconf(_SC_NPROCESSORS_ONLN));
    look_at_hubs();
    look_at_stacks();
    look_at_limits();
    look_at_files();
    return troubles ? CLI_FAILED : 0;
}
