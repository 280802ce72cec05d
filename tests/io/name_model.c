/* SPDX-License-Identifier: MIT
 *
 * name_model.c - a question to a loop's resolver, its answers in any order, and cancelling.
 *
 * Idea     The model is the resolver: a task for each family answers when it likes, also before it
 *          was asked (then the answer is there at once).
 * Rules    1  A question that is over is never forgotten, and one that is forgotten never answered:
 *             the model holds the library to it.
 *          2  No socket is opened for asking which address is best.
 */
#include <hark/name.h>
#include <string.h>

#include "base/sys.h"
#include "stage.h"

static int (*real_socket)(int domain, int type, int protocol);
static hark_lookup *question; /* NULL: none that is not over */
static int left, forgotten, found, cut;
static bool knows_v4, knows_v6;

static int no_socket(int domain, int type, int protocol)
{
    (void)domain, (void)type, (void)protocol;
    errno = EMFILE;
    return -1;
}

static void answer(int family)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    hark_lookup *lookup = question;

    left--;
    question = left ? question : NULL;
    hark_lookup_found(lookup, family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6);
    hark_lookup_end(lookup, family, 0, NULL);
}

static int tell_v4(void *unused)
{
    (void)unused;
    stroll();
    knows_v4 = true;
    if (question) {
        answer(AF_INET);
    }
    return 0;
}

static int tell_v6(void *unused)
{
    (void)unused;
    stroll();
    knows_v6 = true;
    if (question) {
        answer(AF_INET6);
    }
    return 0;
}

static int ask(hark_resolver *resolver, hark_lookup *lookup, const char *host, int family)
{
    (void)resolver;
    MUST(!question && strcmp(host, "some.host") == 0 && family == AF_UNSPEC);
    question = lookup;
    left = 2;
    if (knows_v4) {
        answer(AF_INET);
    }
    if (knows_v6) {
        answer(AF_INET6);
    }
    return 0;
}

static void forget(hark_resolver *resolver, hark_lookup *lookup)
{
    (void)resolver;
    MUST(lookup == question);
    question = NULL;
    forgotten++;
}

static hark_resolver resolver = {.what = "the model", .ask = ask, .forget = forget};

static int look_up(void *unused)
{
    hark_address list[4];
    const int count = hark_resolve("some.host", "80", list, 4, NULL);

    (void)unused;
    MUST(count < 0 || (count == 2 && left == 0));
    MUST(!question); /* answered, or forgotten */
    found += count > 0;
    cut += count == -ECANCELED;
    return count < 0 ? count : 0;
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first);
    return 0;
}

static void begin(void)
{
    question = NULL;
    left = forgotten = found = cut = 0;
    knows_v4 = knows_v6 = false;
    real_socket = hark__sys.socket;
    hark__sys.socket = no_socket;
    MUST(hark_resolver_use(&resolver) == 0);
    open_stage();
}

static int end(void)
{
    const int rc = hark_group_close(&group, 0);

    hark__sys.socket = real_socket;
    MUST(hark_resolver_use(NULL) == 0);
    MUST(!question);
    return rc;
}

/* Finds: an answer that wakes nobody; a question that is over too early. */
MODEL(name_two_families_answer, .yields = 1)
{
    begin();
    first = go(look_up, NULL);
    go(tell_v4, NULL);
    go(tell_v6, NULL);
    const int rc = end();
    WANT(found == 1 && forgotten == 0);
    return rc;
}

/* Finds: a question that is cancelled and not forgotten, or forgotten when it was over. */
MODEL(name_question_against_cancel, .yields = 1)
{
    begin();
    first = go(look_up, NULL);
    go(tell_v4, NULL);
    go(tell_v6, NULL);
    go(cancel_first, NULL);
    const int rc = end();
    WANT(found + cut == 1);
    return rc;
}
