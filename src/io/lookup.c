/* SPDX-License-Identifier: MIT
 *
 * lookup.c - a loop's own resolver: who it is, what it is asked, and what it answers.
 *
 * Idea     A question is a block of the task that asks. The resolver puts addresses into it, family
 *          by family, in whatever callback it learns of them; each answer is news, and the task that
 *          stands in its list looks again. Happy eyeballs begin with the first of them.
 *
 *              task:      open --ask--> wait for news ... --> close (--forget, if it is not over)
 *              resolver:        found, found, end(v6) ... found, end(v4)
 * Rules    Q1  An answer never runs the task: it only makes it ready.
 *          Q2  Until a question is over, closing it tells the resolver; afterwards the resolver does
 *              not touch it, so the block may be freed.
 *          Q3  A failure that says "nobody knows" outweighs one that says "there is none", which is
 *              only true if both families agree.
 *          Q4  A resolver is known by its loop's id, which is never used again: what an ended loop
 *              has left behind is never read.
 */
#include <stdarg.h>
#include <string.h>

#include "io/io.h"

/* ---- whose ---------------------------------------------------------------------------------- */

#define LOOPS 8 /* of one thread, with a resolver */

static __thread struct {
    uint32_t loop;
    hark_resolver *resolver;
} uses[LOOPS];

hark_resolver *hark__io_resolver(void)
{
    uint32_t loop = hark__here->id;

    for (int i = 0; i < LOOPS; i++) {
        if (uses[i].loop == loop) {
            return uses[i].resolver;
        }
    }
    return NULL;
}

/* The loop's place; or else a free one; -1: there is none. */
static int place_of(uint32_t loop)
{
    int free_one = -1;

    for (int i = 0; i < LOOPS; i++) {
        if (uses[i].loop == loop) {
            return i;
        }
        if (!uses[i].loop || !hark__loop_alive(uses[i].loop)) {
            free_one = i;
        }
    }
    return free_one;
}

int hark_resolver_use(hark_resolver *resolver)
{
    static const char call[] = "hark_resolver_use";
    hark_loop *loop = hark__loop_here();

    if (!loop) {
        return hark__fail(-EXDEV, call,
                          "there is no loop here: call it in a task, or in the thread "
                          "of a loop that rests");
    }
    if (resolver && (!resolver->ask || !resolver->forget)) {
        return hark__fail(-EINVAL, call, "a resolver needs ask and forget");
    }
    int place = place_of(loop->id);
    if (place < 0) {
        return resolver ? hark__fail(-ENOMEM, call, "%d loops of this thread have a resolver", LOOPS)
                        : 0;
    }
    bool has = uses[place].loop == loop->id && uses[place].resolver;
    if (resolver && has && uses[place].resolver != resolver) {
        return hark__fail(-EBUSY, call, "the loop has a resolver: take it out first, with NULL");
    }
    uses[place].loop = resolver ? loop->id : 0;
    uses[place].resolver = resolver;
    return 0;
}

/* ---- the asker's side ----------------------------------------------------------------------- */

static void describe(const hark__task *task, struct hark__text *text)
{
    struct hark__lookup *lookup = container_of(task->in.waiter.list, struct hark__lookup, news);

    hark__text_put(text, " of \"%s\" from %s", lookup->host,
                   lookup->by->what ? lookup->by->what : "the loop's resolver");
}

static const struct hark__wait_kind answer_kind = {
    .what = "the addresses",
    .leave = hark__leave_list,
    .describe = describe,
    .stands = hark__stands_in_list,
};

static struct hark__lookup *new_lookup(const struct hark__io_question *question, int port)
{
    size_t length = strlen(question->host) + 1;
    struct hark__lookup *lookup = hark__alloc(sizeof *lookup + length);

    if (!lookup) {
        return NULL;
    }
    lookup->size = sizeof *lookup + length;
    lookup->host = memcpy(lookup->bytes, question->host, length);
    lookup->news.loop = hark__here->id;
    lookup->by = hark__io_resolver();
    lookup->port = port;
    lookup->pending = question->family == AF_INET    ? WANTS_V4
                      : question->family == AF_INET6 ? WANTS_V6
                                                     : WANTS_V4 | WANTS_V6;
    lookup->names = hark__io_names_new(HARK__LOOKUP_ROOM);
    if (!lookup->names) {
        hark__free(lookup, lookup->size);
        return NULL;
    }
    return lookup;
}

int hark__lookup_open(struct hark__lookup **ret, const struct hark__io_question *question, int port)
{
    struct hark__lookup *lookup = new_lookup(question, port);

    if (!lookup) {
        return hark__fail(-ENOMEM, question->call, "no memory to look up \"%.60s\"", question->host);
    }
    int error = lookup->by->ask(lookup->by, &lookup->public, lookup->host, question->family);
    if (error < 0) {
        lookup->pending = 0;
        hark__lookup_close(lookup);
        return error;
    }
    *ret = lookup;
    return 0;
}

int hark__lookup_wait(struct hark__lookup *lookup, const char *call)
{
    int error = 0;

    while (lookup->pending && !error && !(error = hark__enter_task(call))) { /* rule I4 */
        error = hark__wait(&lookup->news, &answer_kind);
    }
    return error;
}

int hark__lookup_failed(const struct hark__lookup *lookup, const struct hark__io_question *question)
{
    return hark__fail(lookup->code ? lookup->code : -ENOENT, question->call,
                      "host \"%.60s\", port \"%.20s\": %s", question->host, question->port,
                      lookup->code ? lookup->words : "no address");
}

void hark__lookup_close(struct hark__lookup *lookup)
{
    if (!lookup) {
        return;
    }
    if (lookup->pending && !planted(lookup_is_not_forgotten)) {
        lookup->by->forget(lookup->by, &lookup->public);
    }
    hark__io_names_free(lookup->names);
    hark__free(lookup, lookup->size);
}

/* ---- the resolver's side -------------------------------------------------------------------- */

static void tell(struct hark__lookup *lookup)
{
    if (lookup->news.first && !planted(lookup_wakes_nobody)) {
        hark__wake(lookup->news.first, 0);
    }
}

void hark_lookup_found(hark_lookup *public, const struct sockaddr *address)
{
    struct hark__lookup *lookup = container_of(public, struct hark__lookup, public);
    struct hark__io_names *names = lookup->names;
    hark_address *one = &names->first[names->count];

    if (names->count == names->room || !hark__io_copy_address(one, address)) {
        return;
    }
    hark__io_set_port(one, lookup->port);
    lookup->first_at = names->count++ ? lookup->first_at : hark_now();
    tell(lookup);
}

void hark_lookup_end(hark_lookup *public, int family, int code, const char *format, ...)
{
    struct hark__lookup *lookup = container_of(public, struct hark__lookup, public);
    va_list arguments;

    lookup->pending &= family == AF_INET ? ~WANTS_V4 : family == AF_INET6 ? ~WANTS_V6 : 0;
    if (planted(lookup_ends_with_one_family)) {
        lookup->pending = 0;
    }
    if (code < 0 && (!lookup->code || lookup->code == -ENOENT)) { /* rule Q3 */
        lookup->code = code;
        va_start(arguments, format);
        vsnprintf(lookup->words, sizeof lookup->words, format ? format : "it is not known why",
                  arguments);
        va_end(arguments);
    }
    tell(lookup);
}
