/* SPDX-License-Identifier: MIT
 *
 * files.c - the hosts file, resolv.conf and nsswitch.conf.
 *
 * Idea     A file's mark (which one it is, how long, when it was changed) is compared before each
 *          question; only when it differs is the file read again. The hosts file stays in memory as
 *          it is, and is searched line by line: a thousand lines cost less than one datagram.
 * Rules    F1  A file that is missing, unreadable or too large is an empty one.
 *          F2  A line that makes no sense is passed over.
 *          F3  A file is marked before it is read: what is written meanwhile is read next time.
 *          F4  A file that cannot be opened just now, for want of descriptors or memory, is not
 *              missing: what was in it stays, and it is read next time.
 * Not here What is in resolv.conf: c-ares reads it.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

#define LARGEST (32 << 20)

bool hark__dns_file_changed(struct hark__dns_file *file)
{
    struct hark__dns_mark mark = {0};
    struct stat status;

    if (file->path && stat(file->path, &status) == 0) {
        mark.device = status.st_dev;
        mark.inode = status.st_ino;
        mark.size = (uint64_t)status.st_size;
        mark.seconds = status.st_mtim.tv_sec;
        mark.nanoseconds = status.st_mtim.tv_nsec;
    }
    bool changed = memcmp(&mark, &file->mark, sizeof mark) != 0;
    file->mark = mark;
    return changed;
}

/* It is like no file, so the next look finds it changed. */
void hark__dns_file_unmark(struct hark__dns_file *file)
{
    file->mark = (struct hark__dns_mark){.inode = UINT64_MAX};
}

static bool is_shortage(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM;
}

/* False: not just now (rule F4). */
static bool text_of(const char *path, char **ret)
{
    FILE *file = fopen(path, "re");
    bool lacks = !file && is_shortage(errno);
    size_t size = 0, room = 4096, got;
    char *text = file ? malloc(room + 1) : NULL, *more;

    lacks |= file && !text;
    while (text && (got = fread(text + size, 1, room - size, file)) > 0) {
        size += got;
        if (size < room) {
            continue;
        }
        room *= 2;
        more = room > LARGEST ? NULL : realloc(text, room + 1);
        if (!more) {
            free(text);
            lacks = room <= LARGEST;
        }
        text = more;
    }
    if (file) {
        fclose(file);
    }
    if (text) {
        text[size] = '\0';
    }
    *ret = text;
    return !lacks;
}

void hark__dns_file_read(struct hark__dns_file *file)
{
    char *text = NULL;

    if (!hark__dns_file_changed(file)) {
        return;
    }
    if (file->path && !text_of(file->path, &text)) {
        hark__dns_file_unmark(file);
        return;
    }
    free(file->text);
    file->text = text;
}

int hark__dns_file_try(struct hark__dns_file *file)
{
    FILE *open = file->path ? fopen(file->path, "re") : NULL;
    int error = file->path && !open && is_shortage(errno) ? -errno : 0;

    if (open) {
        fclose(open);
    }
    if (error) {
        hark__dns_file_unmark(file);
    }
    return error;
}

/* ---- words of a line ------------------------------------------------------------------------ */

struct word {
    const char *at;
    size_t size;
};

/* The next word before the line's end or a comment; false: there is none. */
static bool next_word(const char **at, struct word *word)
{
    const char *from = *at + strspn(*at, " \t\r\f\v");

    word->at = from;
    word->size = strcspn(from, " \t\r\f\v\n#");
    *at = from + word->size;
    return word->size > 0;
}

/* False: that was the last. */
static bool next_line(const char **at)
{
    *at += strcspn(*at, "\n");
    *at += **at == '\n';
    return **at != '\0';
}

static bool is_word(const struct word *word, const char *text, size_t size)
{
    return word->size == size && strncasecmp(word->at, text, size) == 0;
}

/* ---- nsswitch.conf -------------------------------------------------------------------------- */

static int sources(const char *at)
{
    struct word word;
    int found = 0;

    while (next_word(&at, &word)) {
        if (word.at[0] == '[') { /* an action: "[NOTFOUND=return]", with spaces perhaps */
            at = word.at + strcspn(word.at, "]\n");
            at += *at == ']';
        } else if (is_word(&word, "files", 5)) {
            found |= found ? NSS_OTHER : NSS_FILES; /* elsewhere but in front: not our order */
        } else {
            found |= is_word(&word, "dns", 3) ? NSS_DNS : NSS_OTHER;
        }
    }
    return found ? found : NSS_FILES | NSS_DNS;
}

int hark__dns_nss(const char *text)
{
    const char *at = text;
    struct word word;

    while (at && *at) {
        const char *line = at;
        if (next_word(&line, &word)) {
            const char *colon = memchr(word.at, ':', word.size);
            size_t size = colon ? (size_t)(colon - word.at) : word.size;
            const char *rest = colon ? colon + 1 : line + strspn(line, " \t");
            if (size == 5 && strncasecmp(word.at, "hosts", 5) == 0 && (colon || *rest == ':')) {
                return sources(colon ? rest : rest + 1);
            }
        }
        if (!next_line(&at)) {
            break;
        }
    }
    return NSS_FILES | NSS_DNS;
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static bool read_address(const struct word *word, hark_address *address)
{
    char text[INET6_ADDRSTRLEN];

    *address = (hark_address){0};
    if (word->size >= sizeof text) {
        return false;
    }
    memcpy(text, word->at, word->size);
    text[word->size] = '\0';
    if (inet_pton(AF_INET, text, &address->at.v4.sin_addr) == 1) {
        address->at.v4.sin_family = AF_INET;
        address->length = sizeof address->at.v4;
        return true;
    }
    *address = (hark_address){.length = sizeof address->at.v6};
    address->at.v6.sin6_family = AF_INET6;
    return inet_pton(AF_INET6, text, &address->at.v6.sin6_addr) == 1;
}

int hark__dns_hosts(const char *text, const char *host,
                    void (*found)(void *arg, const struct sockaddr *address), void *arg)
{
    size_t size = strlen(host);
    const char *at = text;
    int count = 0;

    size -= size > 0 && host[size - 1] == '.';
    for (bool more = at && *at; more; more = next_line(&at)) {
        struct word number, word;
        hark_address address;
        const char *line = at;
        if (!next_word(&line, &number)) {
            continue;
        }
        while (next_word(&line, &word)) {
            if (is_word(&word, host, size) && read_address(&number, &address)) {
                found(arg, &address.at.any);
                count++;
                break;
            }
        }
    }
    return count;
}

static bool same_address(const hark_address *a, const hark_address *b)
{
    return a->at.any.sa_family == b->at.any.sa_family &&
           (a->at.any.sa_family == AF_INET
                ? a->at.v4.sin_addr.s_addr == b->at.v4.sin_addr.s_addr
                : memcmp(&a->at.v6.sin6_addr, &b->at.v6.sin6_addr, 16) == 0);
}

int hark__dns_hosts_name(const char *text, const hark_address *address, char *host, size_t size)
{
    const char *at = text;

    for (bool more = at && *at; more; more = next_line(&at)) {
        struct word number, word;
        hark_address here;
        const char *line = at;
        if (next_word(&line, &number) && next_word(&line, &word) && read_address(&number, &here) &&
            same_address(&here, address)) {
            snprintf(host, size, "%.*s", (int)word.size, word.at);
            return (int)word.size;
        }
    }
    return 0;
}
