/* SPDX-License-Identifier: MIT
 *
 * cli.h - the door of the room `cli`: the program `hark`, on public headers only.
 *
 * Rules    L1  What a verb prints for its user to read goes to stdout; what is wrong, and what the
 *              compiler and the program say, to stderr.
 *          L2  Statuses: that of the program or compiler that was run; else 0, 1 (it has failed: the
 *              words say why) or 2 (called in a wrong way).
 */
#ifndef HARK_CLI_CLI_H
#define HARK_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CLI_FAILED = 1, CLI_MISUSED = 2 };

/* "hark: words" on stderr; returns CLI_FAILED, CLI_MISUSED. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_misuse(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For verbs with no other option: was help asked for? Then it was given. */
bool cli_gave_help(int argc, char **argv, const char *text);

/* The verbs. argv[0] is the verb; --help is everybody's. */
int cli_run(int argc, char **argv);
int cli_new(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_explain(int argc, char **argv);
int cli_frames(int argc, char **argv);

/* ---- place.c: where hark stands ---------------------------------------------------------------- */

/* The folders of the headers and the libraries that belong to this program: those beside which it
 * was installed, or of the build that it is part of. */
enum { CLI_PATH = 4096 };

struct cli_place {
    char include[CLI_PATH], library[CLI_PATH];
};
int cli_place_find(struct cli_place *place); /* 0, or CLI_FAILED and words */

/* A path put together; false: it is too long, and cut. */
bool cli_path(char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A folder to keep compiled programs in, made if need be; false: there is none. All paths have CLI_PATH bytes. */
bool cli_cache_folder(char *path);
/* One that lasts as long as this run. */
bool cli_own_folder(char *path);

/* ---- spawn.c: other programs ------------------------------------------------------------------- */

/* Run it to its end: its wait status, or -errno. out: where its stdout goes, or -1: ours. */
int cli_spawn(char *const *argv, int out);

/* ---- frames.c ---------------------------------------------------------------------------------- */

/* Copies `in` to `out`, and puts function and line behind every place that is given as a file and an
 * address in it. */
void cli_frames_copy(FILE *in, FILE *out);

/* ---- words.c: made of docs/codes by the build --------------------------------------------------- */

struct cli_word {
    const char *name; /* "ECANCELED" */
    int code;
    const char *text;
};
extern const struct cli_word cli_words[]; /* the last one has no name */

#endif
