/* SPDX-License-Identifier: MIT
 *
 * frames.c - `hark frames`: reports of hark, with functions and lines put in.
 *
 * Idea     A report names a place by the file that it is in and the address within it, "(prog+0x1c)"
 *          or "prog+0x1c": all that can be said inside of a program that is stuck or dying. Here
 *          addr2line is asked for the rest, one conversation with it a file.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <spawn.h>
#include <unistd.h>

#include "cli/cli.h"

enum { TALKS = 16 };

/* A conversation with addr2line about one file. */
static struct talk {
    char path[CLI_PATH];
    FILE *asks, *answers;
    pid_t pid;
} talks[TALKS];
static int talk_count;

static bool begin_talk(struct talk *talk, const char *path)
{
    char *argv[] = {"addr2line", "-fie", (char *)path, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];

    if (access(path, R_OK) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) {
        return false;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    int error = posix_spawnp(&talk->pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return false;
    }
    talk->asks = fdopen(ends[0], "w");
    talk->answers = fdopen(dup(ends[0]), "r");
    return talk->asks && talk->answers;
}

static struct talk *talk_about(const char *path)
{
    for (int i = 0; i < talk_count; i++) {
        if (strcmp(talks[i].path, path) == 0) {
            return talks[i].asks ? &talks[i] : NULL;
        }
    }
    if (talk_count == TALKS || strlen(path) >= sizeof talks->path) {
        return NULL;
    }
    struct talk *talk = &talks[talk_count++];
    strcpy(talk->path, path);
    if (!begin_talk(talk, path)) {
        talk->asks = NULL; /* asked in vain: not again */
        return NULL;
    }
    return talk;
}

static void end_talks(void)
{
    for (int i = 0; i < talk_count; i++) {
        if (talks[i].asks) {
            fclose(talks[i].asks);
            shutdown(fileno(talks[i].answers), SHUT_WR);
            fclose(talks[i].answers);
            waitpid(talks[i].pid, NULL, 0);
        }
    }
    talk_count = 0;
}

/* One answer, a function and where; false: no more, or nothing is known. */
static bool hear(struct talk *talk, char *function, char *where, int size)
{
    if (!fgets(function, size, talk->answers) || !fgets(where, size, talk->answers)) {
        return false;
    }
    function[strcspn(function, "\n")] = 0;
    where[strcspn(where, "\n ")] = 0; /* " (discriminator 2)" */
    return *function != '?' && *where != '?';
}

/* The switch is where all tasks are that wait: not worth a line. */
static bool is_the_switch(const char *function)
{
    return strncmp(function, "hark__switch", 12) == 0;
}

/* "worker at prog.c:12", and into which functions that one was inlined; false: nothing is known. A
 * second question, which has no answer, shows where the answers to the first end. */
static bool put_answer(const char *path, unsigned long address, const char *before, FILE *out)
{
    struct talk *talk = talk_about(path);
    char function[1024], where[1024];

    if (!talk || fprintf(talk->asks, "0x%lx\n0x0\n", address) < 0 || fflush(talk->asks)) {
        return false;
    }
    if (!hear(talk, function, where, sizeof function)) {
        hear(talk, function, where, sizeof function); /* to the second question */
        return false;
    }
    bool told = !is_the_switch(function);
    do {
        if (told) {
            fprintf(out, "%s%s at %s", before, function, where);
        }
        before = ", in ";
    } while (hear(talk, function, where, sizeof function));
    if (told) {
        fputc('\n', out);
    }
    return true;
}

/* The last "path+0x1c" of a line that begins with "#": its place, or NULL. */
static char *find_place(char *line, char **end)
{
    char *text = line + strspn(line, " "), *plus = NULL;

    if (*text != '#' || !isdigit((unsigned char)text[1])) {
        return NULL;
    }
    for (char *at = text; (at = strstr(at, "+0x")); at++) {
        plus = at;
    }
    if (!plus) {
        return NULL;
    }
    *end = plus;
    while (plus > text && plus[-1] != ' ' && plus[-1] != '(') {
        plus--;
    }
    return plus;
}

/* A line that names a place, with what is known of it; false: nothing is. */
static bool put_known(char *line, FILE *out)
{
    char path[CLI_PATH], before[64], *plus, *place = find_place(line, &plus);
    size_t length = place ? (size_t)(plus - place) : 0;

    if (!place || length >= sizeof path) {
        return false;
    }
    memcpy(path, place, length);
    path[length] = 0;
    snprintf(before, sizeof before, "%.*s ",
             (int)strcspn(line + strspn(line, " "), " ") + (int)strspn(line, " "), line);
    /* What is returned to stands behind its call; of the innermost, one byte less does no harm. */
    return put_answer(path, strtoul(plus + 1, NULL, 16) - 1, before, out);
}

void cli_frames_copy(FILE *in, FILE *out)
{
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, in) > 0) {
        if (!put_known(line, out)) {
            fputs(line, out);
        }
        fflush(out);
    }
    free(line);
    end_talks();
}

int cli_frames(int argc, char **argv)
{
    static const char help[] =
        "usage: hark frames [FILE]\n\n"
        "Copies a report of hark's (of a deadlock, an overflow, a dump) from FILE or standard input\n"
        "to standard output, and puts function and line behind each place that it names. The program\n"
        "must be where it was, the same build, with debug information (cc -g).";

    if (cli_gave_help(argc, argv, help)) {
        return 0;
    }
    if (argc > 2) {
        return cli_misuse("frames", "one file at a time");
    }
    FILE *in = argc > 1 ? fopen(argv[1], "re") : stdin;
    if (!in) {
        return cli_fail("%s: %s", argv[1], strerror(errno));
    }
    cli_frames_copy(in, stdout);
    return ferror(in) || ferror(stdout)
               ? cli_fail("the report could not be copied: %s", strerror(errno))
               : 0;
}
