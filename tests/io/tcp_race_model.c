/* SPDX-License-Identifier: MIT
 *
 * tcp_race_model.c - connecting to several addresses, in every order: who answers first, what is
 * looked up meanwhile, and cancelling.
 *
 * Idea     A socket is one end of a pair in memory that is full: that it is connected shows when a
 *          task of the model, the network, empties it. The resolver is the model's, too: it knows
 *          IPv6 at once, and tells IPv4 when it likes.
 * Rules    1  Each socket but the winner is closed when the call is over, and nobody but the winner
 *             was connected. The other ends are the model's to close.
 *          2  Time goes on by itself: the second connection begins a quarter of a second later.
 */
#include <hark/name.h>
#include <netinet/in.h>
#include <string.h>

#include "base/sys.h"
#include "stage.h"

enum { V6, V4, FAMILIES };

static struct hark__sys kernel;
static int ends[FAMILIES][2];  /* the dialler's, the network's; -1: not there, or closed */
static bool willing[FAMILIES]; /* whoever connects is taken */
static hark_lookup *question;
static bool v4_told;
static int result, forgotten, won;

static int model_socket(int domain, int type, int protocol)
{
    const int family = domain == AF_INET6 ? V6 : V4;
    char byte = 'x';

    (void)protocol;
    if ((type & 15) != SOCK_STREAM) { /* which address is best is not asked */
        errno = EMFILE;
        return -1;
    }
    MUST(ends[family][0] < 0);
    if (hark_test_pair(ends[family], 1)) {
        errno = EMFILE;
        return -1;
    }
    if (kernel.write(ends[family][0], &byte, 1) != 1) {
        WANT(false);
        willing[family] = true;
    }
    return ends[family][0];
}

static int model_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    const int family = fd == ends[V6][0] ? V6 : V4;

    (void)address, (void)length;
    errno = EINPROGRESS;
    return willing[family] ? 0 : -1;
}

static int model_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
    if (level == SOL_SOCKET && name == SO_ERROR) {
        *(int *)value = 0;
        return 0;
    }
    return kernel.getsockopt(fd, level, name, value, length);
}

static int model_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    (void)fd, (void)level, (void)name, (void)value, (void)length;
    return 0;
}

static int model_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    (void)fd;
    memset(address, 0, *length);
    address->sa_family = AF_UNIX; /* not oneself */
    return 0;
}

static int model_close(int fd)
{
    for (int i = 0; i < FAMILIES; i++) {
        if (ends[i][0] == fd) {
            ends[i][0] = -1;
        }
    }
    return kernel.close(fd);
}

/* The other side takes who connects now, and who has been connecting. */
static int answer(void *family)
{
    const int i = (int)(intptr_t)family;
    char byte;

    stroll();
    willing[i] = true;
    if (ends[i][0] >= 0) {
        kernel.read(ends[i][1], &byte, 1);
    }
    return 0;
}

static void tell(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    hark_lookup *lookup = question;

    question = NULL;
    hark_lookup_found(lookup, (struct sockaddr *)&v4);
    hark_lookup_end(lookup, AF_INET, 0, NULL);
}

static int tell_v4(void *unused)
{
    (void)unused;
    stroll();
    v4_told = true;
    if (question) {
        tell();
    }
    return 0;
}

static int ask(hark_resolver *resolver, hark_lookup *lookup, const char *host, int family)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    (void)resolver, (void)host, (void)family;
    question = lookup;
    hark_lookup_found(lookup, (struct sockaddr *)&v6);
    hark_lookup_end(lookup, AF_INET6, 0, NULL);
    if (v4_told) {
        tell();
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

/* A deadline far away: a fault may cost the only address that answers. */
static int dial(void *unused)
{
    (void)unused;
    result = (int)hark_within(HARK_S(100), hark_tcp_connect("some.host", "80"));
    MUST(!question); /* answered, or forgotten */
    won = result < 0 ? -1 : result == ends[V6][0] ? V6 : V4;
    for (int i = 0; i < FAMILIES; i++) {
        MUST((ends[i][0] >= 0) == (won == i)); /* rule 1 */
    }
    MUST(won < 0 || willing[won]);
    if (result >= 0) {
        hark_close(result);
    }
    return result < 0 && result != -ETIMEDOUT ? result : 0;
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
    v4_told = false;
    result = forgotten = 0;
    won = -1;
    for (int i = 0; i < FAMILIES; i++) {
        willing[i] = false;
        ends[i][0] = ends[i][1] = -1;
    }
    kernel = hark__sys;
    hark__sys.socket = model_socket;
    hark__sys.connect = model_connect;
    hark__sys.getsockopt = model_getsockopt;
    hark__sys.setsockopt = model_setsockopt;
    hark__sys.getsockname = model_getsockname;
    hark__sys.close = model_close;
    MUST(hark_resolver_use(&resolver) == 0);
    open_stage();
}

static int end(void)
{
    const int rc = hark_group_close(&group, 0);

    hark__sys.socket = kernel.socket;
    hark__sys.connect = kernel.connect;
    hark__sys.getsockopt = kernel.getsockopt;
    hark__sys.setsockopt = kernel.setsockopt;
    hark__sys.getsockname = kernel.getsockname;
    hark__sys.close = kernel.close;
    for (int i = 0; i < FAMILIES; i++) {
        if (ends[i][1] >= 0) {
            hark_close(ends[i][1]);
        }
    }
    MUST(hark_resolver_use(NULL) == 0);
    MUST(!question);
    return rc;
}

/* Finds: a loser that stays open; a winner that is closed. */
MODEL(tcp_race_of_two_against_cancel, .yields = 1)
{
    begin();
    v4_told = true;
    first = go(dial, NULL);
    go(answer, (void *)(intptr_t)V6);
    go(answer, (void *)(intptr_t)V4);
    go(cancel_first, NULL);
    const int rc = end();
    WANT(won >= 0 || result == -ECANCELED || result == -ETIMEDOUT);
    return rc;
}

/* Finds: an address that comes late and is not tried. */
MODEL(tcp_race_joined_late, .yields = 1)
{
    begin();
    first = go(dial, NULL);
    go(tell_v4, NULL);
    go(answer, (void *)(intptr_t)V4);
    const int rc = end();
    WANT(won == V4 || result == -ETIMEDOUT);
    return rc;
}

/* Finds: a question that is still asked when its asker has gone. */
MODEL(tcp_race_joined_late_against_cancel, .yields = 1)
{
    begin();
    first = go(dial, NULL);
    go(tell_v4, NULL);
    go(answer, (void *)(intptr_t)V6);
    go(cancel_first, NULL);
    const int rc = end();
    WANT(won == V6 || result == -ECANCELED || result == -ETIMEDOUT);
    return rc;
}
