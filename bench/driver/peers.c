/* SPDX-License-Identifier: MIT
 *
 * peers.c - who else answers the question: what the script bench/peers/build says.
 *
 * The script knows packages, compilers and interpreters; this file only reads its lines, the fields
 * of which are parted by tabs:
 *   name      the peer's name and version, as shown
 *   program   question, command, arguments ...
 *   none      question that it has no program for
 *   missing   Debian packages
 *   failed    question, reason
 * Those who are missing, and those who have no program, are named in one note each.
 */
#include "driver.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char names[MOST_PEERS][32];
    int count;
} peer_list;

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A peer is a folder in which there is a file `peer`. */
static void peers_there(peer_list *l, const options *o)
{
    char path[1024];
    struct dirent *e;
    snprintf(path, sizeof path, "%s/peers", o->root);
    DIR *d = opendir(path);
    l->count = 0;
    while (d && (e = readdir(d)) && l->count < MOST_PEERS) {
        snprintf(path, sizeof path, "%s/peers/%s/peer", o->root, e->d_name);
        if (e->d_name[0] != '.' && strlen(e->d_name) < 32 && access(path, R_OK) == 0)
            strcpy(l->names[l->count++], e->d_name);
    }
    if (d)
        closedir(d);
    qsort(l->names, l->count, sizeof l->names[0], by_name);
}

static bool listed(const char *list, const char *name, size_t length)
{
    for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',')
        if (strcspn(p, ",") == length && strncmp(p, name, length) == 0)
            return true;
    return false;
}

static bool wanted(const options *o, const char *name)
{
    return strcmp(o->peers, "all") == 0 || listed(o->peers, name, strlen(name));
}

bool peers_known(const options *o)
{
    peer_list l;
    bool good = true;
    if (strcmp(o->peers, "all") == 0 || strcmp(o->peers, "none") == 0)
        return true;
    peers_there(&l, o);
    for (const char *p = o->peers; *p; p += strcspn(p, ","), p += *p == ',') {
        bool found = false;
        for (int i = 0; i < l.count; i++)
            found = found || listed(l.names[i], p, strcspn(p, ","));
        if (!found)
            fprintf(stderr, "bench: no peer is called '%.*s'\n", (int)strcspn(p, ","), p);
        good = good && found;
    }
    if (!good) {
        fprintf(stderr, "the peers are: all, none, or some of");
        for (int i = 0; i < l.count; i++)
            fprintf(stderr, "%s %s", i ? "," : "", l.names[i]);
        fprintf(stderr, "\n");
    }
    return good;
}

static int split(char *line, char **field, int most)
{
    int n = 0;
    line[strcspn(line, "\n")] = 0;
    for (char *p = line; p && n < most; n++)
        field[n] = strsep(&p, "\t");
    return n;
}

static void add(contest *c, const char *name, char **words, int count)
{
    if (c->count == MOST_CONTESTANTS)
        return;
    contestant *w = &c->who[c->count++];
    w->kind = PEER;
    snprintf(w->name, sizeof w->name, "%s", name);
    for (int i = 0; i < count && i + 1 < MOST_ARGS; i++)
        w->argv[i] = strdup(words[i]);
}

/* Words of those peers that do not take part. */
typedef struct {
    char silent[320], missing[240], packages[360];
} absent;

/* Adds what is not in the list yet. */
static void enlist(char *list, size_t size, const char *between, const char *word)
{
    size_t n = strlen(list), length = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += length)
        if ((p == list || strchr(between, p[-1])) && (!p[length] || strchr(between, p[length])))
            return;
    snprintf(list + n, size - n, "%s%s", n ? between : "", word);
}

static void is_missing(absent *a, const char *name, char *packages)
{
    enlist(a->missing, sizeof a->missing, ", ", name);
    for (char *word = strtok(packages, " "); word; word = strtok(NULL, " "))
        enlist(a->packages, sizeof a->packages, " ", word);
}

static void take_line(contest *c, absent *a, char *line, char *name, size_t size)
{
    char *field[MOST_ARGS + 2];
    int n = split(line, field, COUNT(field));
    if (n >= 2 && strcmp(field[0], "name") == 0)
        snprintf(name, size, "%s", field[1]);
    else if (n >= 3 && strcmp(field[0], "program") == 0)
        add(c, name, field + 2, n - 2);
    else if (n >= 2 && strcmp(field[0], "none") == 0)
        enlist(a->silent, sizeof a->silent, ", ", name);
    else if (n >= 2 && strcmp(field[0], "missing") == 0)
        is_missing(a, name, field[1]);
    else if (n >= 3 && strcmp(field[0], "failed") == 0)
        contest_note(c, "%s cannot be built: %s", name, field[2]);
}

void peers_join(contest *c, const options *o)
{
    peer_list l;
    absent a = {"", "", ""};
    peers_there(&l, o);
    for (int i = 0; i < l.count && !interrupted(); i++) {
        char line[2048], name[64];
        if (!wanted(o, l.names[i]))
            continue;
        progress("building %s for %s", l.names[i], c->question->name);
        snprintf(name, sizeof name, "%s", l.names[i]);
        snprintf(line, sizeof line, "sh '%s/peers/build' '%s' '%s' '%s'", o->root, l.names[i],
                 o->peer_programs, question_program(c->question));
        FILE *f = popen(line, "r");
        while (f && fgets(line, sizeof line, f))
            take_line(c, &a, line, name, sizeof name);
        if (f && pclose(f) != 0 && !interrupted())
            contest_note(c, "%s: its build script failed", name);
    }
    if (a.missing[0])
        contest_note(c, "not installed: %s: apt-get install -y %s (or ./dev bench --install)",
                     a.missing, a.packages);
    if (a.silent[0])
        contest_note(c, "no program for this question: %s", a.silent);
}

int peers_install(const options *o)
{
    char line[2048];
    peer_list l;
    peers_there(&l, o);
    size_t n = (size_t)snprintf(line, sizeof line, "sh '%s/peers/build' --install", o->root);
    bool every = strcmp(o->peers, "none") == 0; /* as --quick has it: none was named */
    for (int i = 0; i < l.count; i++)
        if (every || wanted(o, l.names[i]))
            n += (size_t)snprintf(line + n, sizeof line - n, " '%s'", l.names[i]);
    return system(line) == 0 ? 0 : 1;
}
