/* SPDX-License-Identifier: MIT
 *
 * main.c - the program `hark`: which verb, and help.
 */
#include <hark.h>
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"

static const struct verb {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *line;
} verbs[] = {
    {"run", cli_run, "run FILE.c [ARGS]   compile a C program against hark and run it"},
    {"new", cli_new, "new NAME            begin a project: builds and tests itself"},
    {"doctor", cli_doctor, "doctor              what this machine gives hark, and what it refuses"},
    {"explain", cli_explain, "explain CODE        what an error code means, and the mend"},
    {"frames", cli_frames, "frames [FILE]       put functions and lines into a report of hark's"},
};

enum { VERBS = sizeof verbs / sizeof *verbs };

static void put_usage(FILE *out)
{
    fprintf(out, "usage: hark VERB [...]\n\n");
    for (int i = 0; i < VERBS; i++) {
        fprintf(out, "    hark %s\n", verbs[i].line);
    }
    fprintf(out, "\n    hark VERB --help    more about one of them; also: man hark\n"
                 "    hark --version\n");
}

int cli_fail(const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "hark: ");
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return CLI_FAILED;
}

int cli_misuse(const char *verb, const char *format, ...)
{
    va_list arguments;

    fprintf(stderr, "hark %s: ", verb);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; see hark %s --help\n", verb);
    return CLI_MISUSED;
}

bool cli_gave_help(int argc, char **argv, const char *text)
{
    bool asked = argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);

    if (asked) {
        puts(text);
    }
    return asked;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    for (int i = 0; i < VERBS; i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return verbs[i].main(argc - 1, argv + 1);
        }
    }
    if (strcmp(name, "--version") == 0) {
        printf("hark %s\n", hark_version());
        return 0;
    }
    bool asked = strcmp(name, "--help") == 0 || strcmp(name, "help") == 0 || strcmp(name, "-h") == 0;
    if (!asked && *name) {
        fprintf(stderr, "hark: there is no verb \"%s\"\n", name);
    }
    put_usage(asked ? stdout : stderr);
    return asked ? 0 : CLI_MISUSED;
}
