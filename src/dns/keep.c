/* SPDX-License-Identifier: MIT
 *
 * keep.c - answers that are kept for as long as their name server allows.
 *
 * Idea     A list, the latest used in front, at most a few hundred long: looking through it costs
 *          a microsecond, a question a thousand. Time is the monotonic clock's, so setting the clock
 *          changes nothing.
 * Rules    K1  Only addresses are kept, never failures: what was missing may be there by now.
 *          K2  A time to live of 0 is not kept at all, and none lives longer than a day.
 */
#include <hark/time.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

static void free_kept(struct hark__dns_keep *keep, struct hark__dns_kept **link)
{
    struct hark__dns_kept *kept = *link;

    *link = kept->next;
    free(kept->host);
    free(kept);
    keep->count--;
}

static struct hark__dns_kept **find(struct hark__dns_keep *keep, const char *host, int family)
{
    struct hark__dns_kept **link = &keep->first;

    while (*link && ((*link)->family != family || strcasecmp((*link)->host, host) != 0)) {
        link = &(*link)->next;
    }
    return link;
}

const struct hark__dns_kept *hark__dns_keep_find(struct hark__dns_keep *keep, const char *host,
                                                 int family, int64_t now)
{
    struct hark__dns_kept **link = find(keep, host, family), *kept = *link;

    if (!kept) {
        return NULL;
    }
    if (kept->until <= now) {
        free_kept(keep, link);
        return NULL;
    }
    *link = kept->next;
    kept->next = keep->first;
    keep->first = kept;
    return kept;
}

void hark__dns_keep_add(struct hark__dns_keep *keep, const char *host, int family,
                        const hark_address *addresses, int count, int64_t until)
{
    struct hark__dns_kept **link = find(keep, host, family);
    size_t size = (size_t)count * sizeof *addresses;

    if (*link) {
        free_kept(keep, link);
    }
    if (keep->most <= 0 || until <= hark_now()) {
        return;
    }
    struct hark__dns_kept *kept = malloc(sizeof *kept + size);
    char *copy = kept ? strdup(host) : NULL;
    if (!copy) {
        free(kept);
        return;
    }
    *kept = (struct hark__dns_kept){
        .next = keep->first, .until = until, .family = family, .count = count, .host = copy};
    memcpy(kept->addresses, addresses, size);
    keep->first = kept;
    if (++keep->count > keep->most) {
        for (link = &keep->first; (*link)->next; link = &(*link)->next) {}
        free_kept(keep, link);
    }
}

void hark__dns_keep_clear(struct hark__dns_keep *keep)
{
    while (keep->first) {
        free_kept(keep, &keep->first);
    }
}
