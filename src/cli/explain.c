/* SPDX-License-Identifier: MIT
 *
 * explain.c - `hark explain`: the page of a code. The pages stand in docs/codes; the build makes
 * words.c of them.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

/* "ECANCELED", "-ECANCELED", "-125", "125". */
static const struct cli_word *find(const char *asked)
{
    const char *name = asked + (*asked == '-');
    int number = isdigit((unsigned char)*name) ? atoi(name) : 0;

    for (const struct cli_word *word = cli_words; word->name; word++) {
        if (number ? word->code == number : strcasecmp(word->name, name) == 0) {
            return word;
        }
    }
    return NULL;
}

static int put_list(void)
{
    for (const struct cli_word *word = cli_words; word->name; word++) {
        const char *line = strchr(word->text, '\n'); /* after the title and an empty line */
        line = line ? line + strspn(line, "\n") : word->text;
        printf("%-16s %.*s\n", word->name, (int)strcspn(line, "\n"), line);
    }
    return 0;
}

static int unknown(const char *asked)
{
    const char *name = asked + (*asked == '-');
    const char *known = isdigit((unsigned char)*name) ? strerrorname_np(atoi(name)) : NULL;

    if (known) {
        return cli_fail("-%s (%s) is none of hark's own codes: a system call said it, and its manual "
                        "page says why",
                        known, strerrordesc_np(atoi(name)));
    }
    return cli_fail("there is no code \"%s\"; hark explain lists those there are", asked);
}

int cli_explain(int argc, char **argv)
{
    static const char help[] =
        "usage: hark explain [CODE]\n\n"
        "What an error code means when hark returns it, the usual causes, and the mend. CODE is a name\n"
        "or a number, with or without its sign: ECANCELED, -EDEADLK, 125. Without it: all of them.";

    if (cli_gave_help(argc, argv, help)) {
        return 0;
    }
    if (argc > 2) {
        return cli_misuse("explain", "one code at a time");
    }
    if (argc < 2) {
        return put_list();
    }
    const struct cli_word *word = find(argv[1]);
    if (!word) {
        return unknown(argv[1]);
    }
    fputs(word->text, stdout);
    return 0;
}
