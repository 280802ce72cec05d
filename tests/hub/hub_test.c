/* SPDX-License-Identifier: MIT
 *
 * hub_test.c - the contract of the hubs (H1 to H6), on each hub that watches real descriptors.
 *
 * The same body runs on a lasting hub and on one that forgets; `take` hides the difference where a
 * test is not about it, by arming again what was reported.
 */
#include "base/sys.h"
#include "hub/hub.h"
#include "kit.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>

enum { MANY = 16 };

static hark__hub *open_hub(void)
{
    hark__hub *hub = NULL;
    int rc = hark__hub_open(&hub, NULL);
    CHECK_EQ(rc, 0);
    CHECK_STR(hub->class->name, getenv("HARK_HUB"));
    return hub;
}

static int arm(hark__hub *hub, int fd, int events, uint64_t token)
{
    return hub->class->arm(hub, fd, events, token);
}

/* All that is reported of `token` without waiting; other tokens must not appear. */
static int take_now(hark__hub *hub, uint64_t token)
{
    struct hark__report reports[MANY];
    int events = 0, count;
    for (int i = 0; i < 3; i++) {
        count = hub->class->poll(hub, 0, reports, MANY);
        CHECK_GE(count, 0);
        for (int k = 0; k < count; k++) {
            CHECK_EQ(reports[k].token, token);
            events |= reports[k].events;
        }
    }
    return events;
}

/* Waits until something of `token` is reported. */
static int take(hark__hub *hub, uint64_t token)
{
    struct hark__report reports[MANY];
    int events = 0;
    while (!events) {
        int count = hub->class->poll(hub, -1, reports, MANY);
        CHECK_GE(count, 0);
        for (int k = 0; k < count; k++) {
            CHECK_EQ(reports[k].token, token);
            events |= reports[k].events;
        }
    }
    return events;
}

static void pair(int fds[2])
{
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void say(int fd)
{
    CHECK_EQ(write(fd, "x", 1), 1);
}

static void hear(int fd)
{
    char c;
    CHECK_EQ(read(fd, &c, 1), 1);
}

static void close_pair(hark__hub *hub, int fds[2], uint64_t token)
{
    hub->class->disarm(hub, fds[0], token);
    close(fds[0]);
    close(fds[1]);
    hub->class->close(hub);
}

/* ---- H1, H2: what is reported, and how often ------------------------------------------------- */

TEST_ON_HUBS(hub_H1_what_was_ready_before_is_reported)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    say(fds[1]);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    CHECK(take(hub, 7) & POLLIN);
    close_pair(hub, fds, 7);
}

TEST_ON_HUBS(hub_H1_what_becomes_ready_later_is_reported)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, UINT64_MAX - 1), 0);
    CHECK_EQ(take_now(hub, UINT64_MAX - 1) & POLLIN, 0);
    say(fds[1]);
    CHECK(take(hub, UINT64_MAX - 1) & POLLIN);
    close_pair(hub, fds, UINT64_MAX - 1);
}

static void *say_from_afar(void *fd)
{
    say(*(int *)fd);
    return NULL;
}

TEST_ON_HUBS(hub_H1_another_thread_ends_an_endless_wait)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    take_now(hub, 7);
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, say_from_afar, &fds[1]), 0);
    int events = 0;
    while (!(events & POLLIN))
        events = take(hub, 7);
    pthread_join(thread, NULL);
    close_pair(hub, fds, 7);
}

TEST_ON_HUBS(hub_H2_a_lasting_hub_reports_each_edge_and_another_forgets)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    take_now(hub, 7);
    for (int i = 0; i < 5; i++) {
        say(fds[1]);
        int events = take_now(hub, 7);
        bool expected = hub->class->lasts || i == 0;
        CHECK_EQ((events & POLLIN) != 0, expected);
        CHECK_EQ(take_now(hub, 7) & POLLIN, 0); /* an edge, not a level */
    }
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    CHECK(take(hub, 7) & POLLIN);
    close_pair(hub, fds, 7);
}

TEST_ON_HUBS(hub_H2_arming_adds_to_what_is_armed)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    CHECK_EQ(arm(hub, fds[0], POLLOUT, 7), 0);
    CHECK(take(hub, 7) & POLLOUT);
    say(fds[1]);
    CHECK(take(hub, 7) & POLLIN);
    close_pair(hub, fds, 7);
}

TEST_ON_HUBS(hub_H2_writable_again_after_the_buffer_was_full)
{
    hark__hub *hub = open_hub();
    int fds[2];
    char block[4096] = {0};
    pair(fds);
    while (write(fds[0], block, sizeof block) > 0)
        ;
    CHECK_EQ(arm(hub, fds[0], POLLOUT, 7), 0);
    CHECK_EQ(take_now(hub, 7) & POLLOUT, 0);
    while (read(fds[1], block, sizeof block) > 0)
        ;
    CHECK(take(hub, 7) & POLLOUT);
    close_pair(hub, fds, 7);
}

/* ---- H3: errors and hang-ups ----------------------------------------------------------------- */

TEST_ON_HUBS(hub_H3_a_hang_up_is_reported_whatever_was_armed_and_once)
{
    static const int armed[] = {POLLIN, POLLOUT, POLLIN | POLLOUT};
    for (int i = 0; i < 3; i++) {
        hark__hub *hub = open_hub();
        int fds[2];
        pair(fds);
        CHECK_EQ(arm(hub, fds[0], armed[i], 7), 0);
        take_now(hub, 7);
        CHECK_EQ(arm(hub, fds[0], armed[i], 7), 0);
        close(fds[1]);
        CHECK(take(hub, 7) & POLLHUP);
        CHECK_EQ(take_now(hub, 7), 0);
        hub->class->disarm(hub, fds[0], 7);
        close(fds[0]);
        hub->class->close(hub);
    }
}

TEST_ON_HUBS(hub_H3_an_error_is_reported_whatever_was_armed)
{
    static const int armed[] = {POLLIN, POLLOUT};
    for (int i = 0; i < 2; i++) {
        hark__hub *hub = open_hub();
        int fds[2];
        CHECK_EQ(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
        close(fds[0]);
        CHECK_EQ(arm(hub, fds[1], armed[i], 7), 0);
        CHECK(take(hub, 7) & POLLERR);
        CHECK_EQ(take_now(hub, 7), 0);
        hub->class->disarm(hub, fds[1], 7);
        close(fds[1]);
        hub->class->close(hub);
    }
}

/* ---- H4: nothing after disarming ------------------------------------------------------------- */

TEST_ON_HUBS(hub_H4_nothing_is_reported_after_disarming)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN | POLLOUT, 7), 0);
    say(fds[1]); /* the kernel has a report ready */
    CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
    CHECK_EQ(take_now(hub, 0), 0);
    say(fds[1]);
    CHECK_EQ(take_now(hub, 0), 0);
    CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
    CHECK_EQ(hub->class->disarm(hub, 5000, 7), 0);
    close_pair(hub, fds, 7);
}

TEST_ON_HUBS(hub_H4_a_stale_token_disarms_nobody)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 8), 0);
    CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
    say(fds[1]);
    CHECK(take(hub, 8) & POLLIN);
    close_pair(hub, fds, 8);
}

TEST_ON_HUBS(hub_F3_a_copy_of_a_disarmed_descriptor_is_silent)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    take_now(hub, 7);
    int copy = dup(fds[0]);
    CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
    close(fds[0]);
    say(fds[1]);
    CHECK_EQ(take_now(hub, 0), 0);
    close(copy);
    close_pair(hub, fds, 7);
}

/* The file lives on in a copy, so the kernel's registration can no longer be removed. */
TEST_ON_HUBS(hub_H4_what_was_closed_before_it_was_disarmed_is_silent_too)
{
    hark__hub *hub = open_hub();
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    take_now(hub, 7);
    int copy = dup(fds[0]);
    close(fds[0]);
    CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
    say(fds[1]);
    CHECK_EQ(take_now(hub, 0), 0);
    close(copy);
    close(fds[1]);
    hub->class->close(hub);
}

TEST_ON_HUBS(hub_F2_the_new_owner_of_a_number_gets_its_own_reports)
{
    hark__hub *hub = open_hub();
    int old[2], new[2];
    pair(old);
    CHECK_EQ(arm(hub, old[0], POLLIN, 7), 0);
    take_now(hub, 7);
    int copy = dup(old[0]), number = old[0];
    pair(new);
    CHECK_EQ(dup3(new[0], number, O_CLOEXEC), number); /* closed and reused behind our back */
    CHECK_EQ(arm(hub, number, POLLIN, 8), 0);
    take_now(hub, 8);
    say(old[1]);
    CHECK_EQ(take_now(hub, 8) & POLLIN, 0);
    say(new[1]);
    CHECK_EQ(arm(hub, number, POLLIN, 8), 0);
    CHECK(take(hub, 8) & POLLIN);
    hub->class->disarm(hub, number, 8);
    close(number);
    close(copy);
    close(old[1]);
    close_pair(hub, new, 0);
}

TEST_ON_HUBS(hub_F1_a_descriptor_closed_behind_our_back_does_not_stop_the_others)
{
    hark__hub *hub = open_hub();
    int gone[2], here[2];
    pair(gone);
    pair(here);
    CHECK_EQ(arm(hub, gone[0], POLLIN, 7), 0);
    CHECK_EQ(arm(hub, here[0], POLLIN, 8), 0);
    struct hark__report reports[MANY];
    hub->class->poll(hub, 0, reports, MANY);
    close(gone[0]);
    say(here[1]);
    bool heard = false, invalid = hub->class->lasts;
    while (!heard || !invalid) {
        CHECK_EQ(arm(hub, here[0], POLLIN, 8), 0);
        int count = hub->class->poll(hub, -1, reports, MANY);
        CHECK_GE(count, 0);
        for (int i = 0; i < count; i++) {
            heard |= reports[i].token == 8 && reports[i].events & POLLIN;
            invalid |= reports[i].token == 7 && reports[i].events & POLLNVAL;
        }
    }
    hub->class->disarm(hub, gone[0], 7);
    close(gone[1]);
    close_pair(hub, here, 8);
}

/* A poll in a ring would hold the file open. */
TEST_ON_HUBS(hub_U15_the_peer_sees_the_end_as_soon_as_we_close)
{
    hark__hub *hub = open_hub();
    for (int i = 0; i < 50; i++) {
        int fds[2];
        char c;
        pair(fds);
        CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
        if (i % 2)
            take_now(hub, 7);
        CHECK_EQ(hub->class->disarm(hub, fds[0], 7), 0);
        close(fds[0]);
        CHECK_EQ(read(fds[1], &c, 1), 0);
        close(fds[1]);
    }
    hub->class->close(hub);
}

TEST_ON_HUBS(hub_U12_closing_the_hub_lets_go_of_what_is_armed)
{
    hark__hub *hub = open_hub();
    int fds[2];
    char c;
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    take_now(hub, 7);
    hub->class->close(hub);
    close(fds[0]);
    CHECK_EQ(read(fds[1], &c, 1), 0);
    close(fds[1]);
}

/* ---- H5: timeouts ---------------------------------------------------------------------------- */

TEST_ON_HUBS(hub_H5_a_timeout_is_never_early)
{
    static const int64_t spans[] = {1, 999, 1000, 500001, 999999, 1000001, 2500000, 7000001};
    hark__hub *hub = open_hub();
    struct hark__report reports[MANY];
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        int64_t start = kit_clock();
        CHECK_EQ(hub->class->poll(hub, spans[i], reports, MANY), 0);
        CHECK_GE(kit_clock() - start, spans[i]);
    }
    hub->class->close(hub);
}

TEST_ON_HUBS(hub_H5_a_timeout_of_0_does_not_wait)
{
    hark__hub *hub = open_hub();
    struct hark__report reports[MANY];
    int64_t start = kit_clock();
    for (int i = 0; i < 100; i++)
        CHECK_EQ(hub->class->poll(hub, 0, reports, MANY), 0);
    CHECK_LT(kit_clock() - start, (int64_t)1000000000 * kit_slow());
    hub->class->close(hub);
}

static int asked_ms;

static int record_epoll_wait(int epoll, struct epoll_event *events, int max, int timeout)
{
    (void)epoll, (void)events, (void)max;
    asked_ms = timeout;
    return 0;
}

static int missing_pwait2(int epoll, struct epoll_event *events, int max,
                          const struct timespec *timeout, const sigset_t *mask)
{
    (void)epoll, (void)events, (void)max, (void)timeout, (void)mask;
    errno = ENOSYS;
    return -1;
}

TEST(hub_H5_epoll_without_nanoseconds_rounds_up)
{
    static const struct {
        int64_t timeout;
        int ms;
    } cases[] = {{1, 1}, {1000000, 1}, {1000001, 2}, {0, 0}, {-1, -1}, {INT64_MAX, INT_MAX}};
    hark__hub *hub;
    struct hark__report reports[MANY];
    CHECK_EQ(hark__hub_open(&hub, "epoll"), 0);
    hark__sys.epoll_wait = record_epoll_wait;
    hark__sys.epoll_pwait2 = missing_pwait2;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(hub->class->poll(hub, cases[i].timeout, reports, MANY), 0);
        CHECK_EQ(asked_ms, cases[i].ms);
    }
    hub->class->close(hub);
}

static void on_alarm(int signo)
{
    (void)signo;
}

/* The timer repeats, so that the signal cannot come before the wait only. */
TEST_ON_HUBS(hub_H5_a_signal_ends_a_wait_with_no_reports)
{
    hark__hub *hub = open_hub();
    struct hark__report reports[MANY];
    struct sigaction action = {.sa_handler = on_alarm};
    CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
    struct itimerval each = {{0, 5000}, {0, 5000}};
    CHECK_EQ(setitimer(ITIMER_REAL, &each, NULL), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(hub->class->poll(hub, -1, reports, MANY), 0);
    struct itimerval none = {{0, 0}, {0, 0}};
    CHECK_EQ(setitimer(ITIMER_REAL, &none, NULL), 0);
    hub->class->close(hub);
}

/* ---- H6: what cannot be waited for ----------------------------------------------------------- */

TEST_ON_HUBS(hub_H6_files_are_refused_and_devices_are_told_apart)
{
    hark__hub *hub = open_hub();
    static const char *const refused[] = {"/proc/self/exe", "/", "/dev/null", "/dev/zero"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        int fd = open(refused[i], O_RDONLY | O_CLOEXEC);
        CHECK_GE(fd, 0);
        CHECK_EQ(arm(hub, fd, POLLIN, 7), -EPERM);
        CHECK_EQ(take_now(hub, 7), 0);
        close(fd);
    }
    int random = open("/dev/random", O_RDONLY | O_CLOEXEC);
    CHECK_EQ(arm(hub, random, POLLIN, 7), 0);
    CHECK_EQ(hub->class->disarm(hub, random, 7), 0);
    close(random);
    CHECK_EQ(arm(hub, random, POLLIN, 7), -EBADF);
    CHECK_EQ(arm(hub, -1, POLLIN, 7), -EBADF);
    hub->class->close(hub);
}

/* ---- many ------------------------------------------------------------------------------------ */

static int plenty(void)
{
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    int most = strcmp(getenv("HARK_HUB"), "select") ? 6000 / kit_slow() : 900;
    return limit.rlim_cur < (rlim_t)most + 50 ? (int)limit.rlim_cur - 50 : most;
}

/* The first ones are made ready again at each turn; the last ones must get theirs all the same. */
TEST_ON_HUBS_TIMEOUT(hub_F14_thousands_of_ready_descriptors_and_no_starving_tail, 30)
{
    hark__hub *hub = open_hub();
    struct hark__report reports[MANY];
    int count = plenty(), unseen = count;
    int *fds = calloc((size_t)count, sizeof *fds);
    bool *seen = calloc((size_t)count, sizeof *seen);
    for (int i = 0; i < count; i++) {
        fds[i] = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
        CHECK_GE(fds[i], 0);
        CHECK_EQ(arm(hub, fds[i], POLLIN, (uint64_t)i), 0);
    }
    for (int turn = 0; unseen; turn++) {
        CHECK_LT(turn, 4 * count / MANY + 100);
        int told = hub->class->poll(hub, 0, reports, MANY);
        CHECK_GE(told, 0);
        for (int i = 0; i < told; i++) {
            int which = (int)reports[i].token;
            unseen -= !seen[which];
            seen[which] = true;
            if (!hub->class->lasts)
                arm(hub, fds[which], POLLIN, reports[i].token);
        }
        for (int i = 0; i < MANY; i++)
            eventfd_write(fds[i], 1);
    }
    for (int i = 0; i < count; i++) {
        CHECK_EQ(hub->class->disarm(hub, fds[i], (uint64_t)i), 0);
        close(fds[i]);
    }
    CHECK_EQ(hub->class->poll(hub, 0, reports, MANY), 0);
    free(fds);
    free(seen);
    hub->class->close(hub);
}

/* ---- a random life, against what must hold --------------------------------------------------- */

enum { LIVES = 24 };

typedef struct life {
    int fd;
    bool armed;
    bool due; /* became ready, or was armed while ready, and was not reported since */
    uint64_t token;
} life;

static uint64_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 20;
}

static bool readable(int fd)
{
    struct pollfd entry = {fd, POLLIN, 0};
    return poll(&entry, 1, 0) == 1;
}

static void collect_due(hark__hub *hub, life *lives)
{
    struct hark__report reports[MANY];
    int count, rounds = 0;
    while ((count = hub->class->poll(hub, 0, reports, MANY)) != 0) {
        CHECK_GE(count, 0);
        CHECK_LT(rounds++, 100);
        for (int i = 0; i < count; i++) {
            life *one = &lives[reports[i].token % LIVES];
            CHECK(one->armed);
            CHECK_EQ(reports[i].token, one->token);
            if (reports[i].events & POLLIN) {
                one->due = false;
                one->armed = hub->class->lasts;
            }
        }
    }
    for (int i = 0; i < LIVES; i++)
        CHECK(!(lives[i].armed && lives[i].due && readable(lives[i].fd)));
}

static void live_on(hark__hub *hub, life *one, uint64_t *state)
{
    eventfd_t value;
    switch (dice(state) % 6) {
    case 0:
        one->token += one->armed ? 0 : LIVES;
        CHECK_EQ(arm(hub, one->fd, POLLIN, one->token), 0);
        one->armed = true;
        one->due = readable(one->fd);
        break;
    case 1:
        CHECK_EQ(hub->class->disarm(hub, one->fd, one->token), 0);
        one->armed = false;
        one->token += LIVES;
        break;
    case 2:
        eventfd_read(one->fd, &value);
        one->due = false;
        break;
    default: eventfd_write(one->fd, 1); one->due = true;
    }
}

TEST_ON_HUBS_TIMEOUT(hub_U26_any_order_of_operations_keeps_the_contract, 30)
{
    hark__hub *hub = open_hub();
    life lives[LIVES];
    uint64_t state = kit_seed() | 1;
    for (int i = 0; i < LIVES; i++) {
        lives[i] = (life){eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), false, false, (uint64_t)i};
        CHECK_GE(lives[i].fd, 0);
    }
    for (int i = 0; i < 20000 / kit_slow(); i++) {
        live_on(hub, &lives[dice(&state) % LIVES], &state);
        if (dice(&state) % 8 == 0)
            collect_due(hub, lives);
    }
    for (int i = 0; i < LIVES; i++) {
        hub->class->disarm(hub, lives[i].fd, lives[i].token);
        close(lives[i].fd);
    }
    hub->class->close(hub);
}

/* ---- the hub's own descriptor ---------------------------------------------------------------- */

TEST_ON_HUBS(hub_its_own_descriptor_is_readable_when_poll_has_something)
{
    hark__hub *hub = open_hub();
    int own = hub->class->fd(hub);
    if (own >= 0) {
        int fds[2];
        pair(fds);
        CHECK(fcntl(own, F_GETFD) & FD_CLOEXEC);
        CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
        for (int i = 0; i < 5; i++) {
            take_now(hub, 7);
            CHECK(!readable(own));
            say(fds[1]);
            struct pollfd entry = {own, POLLIN, 0};
            CHECK_EQ(poll(&entry, 1, -1), 1);
            CHECK(take_now(hub, 7) & POLLIN);
            hear(fds[0]);
        }
        hub->class->disarm(hub, fds[0], 7);
        close(fds[0]);
        close(fds[1]);
    }
    hub->class->close(hub);
}

/* ---- failures -------------------------------------------------------------------------------- */

static int failure;

static int fail(void)
{
    errno = failure;
    return -1;
}

static int fail_pwait2(int a, struct epoll_event *b, int c, const struct timespec *d,
                       const sigset_t *e)
{
    (void)a, (void)b, (void)c, (void)d, (void)e;
    return fail();
}

static int fail_ppoll(struct pollfd *a, nfds_t b, const struct timespec *c, const sigset_t *d)
{
    (void)a, (void)b, (void)c, (void)d;
    return fail();
}

static int fail_pselect(int a, fd_set *b, fd_set *c, fd_set *d, const struct timespec *e,
                        const sigset_t *f)
{
    (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
    return fail();
}

static int fail_enter(struct io_uring *ring, unsigned wait, int64_t timeout)
{
    (void)ring, (void)wait, (void)timeout;
    return -failure;
}

TEST_ON_HUBS(hub_SYS_a_wait_that_fails_says_so_and_the_next_one_works)
{
    hark__hub *hub = open_hub();
    struct hark__report reports[MANY];
    struct hark__sys real = hark__sys;
    int fds[2];
    pair(fds);
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), 0);
    for (int i = 0; i < 2; i++) {
        failure = i ? ENOMEM : EINTR;
        hark__sys.epoll_pwait2 = fail_pwait2;
        hark__sys.ppoll = fail_ppoll;
        hark__sys.pselect = fail_pselect;
        hark__sys.uring_enter = fail_enter;
        CHECK_EQ(hub->class->poll(hub, 1000, reports, MANY), i ? -ENOMEM : 0);
        hark__sys = real;
    }
    say(fds[1]);
    CHECK(take(hub, 7) & POLLIN);
    close_pair(hub, fds, 7);
}

TEST_ON_HUBS(hub_SYS_no_memory_to_arm_leaves_the_hub_as_it_was)
{
    hark__hub *hub = open_hub();
    struct hark__memory real = hark__memory;
    int fds[2];
    pair(fds);
    int large = fcntl(fds[0], F_DUPFD_CLOEXEC, 500);
    CHECK_GE(large, 500);
    hark__memory.allocate = kit_no_memory;
    CHECK_EQ(arm(hub, large, POLLIN, 7), -ENOMEM);
    hark__memory = real;
    CHECK_EQ(take_now(hub, 7), 0);
    CHECK_EQ(arm(hub, large, POLLIN, 7), 0);
    say(fds[1]);
    CHECK(take(hub, 7) & POLLIN);
    hub->class->disarm(hub, large, 7);
    close(large);
    close_pair(hub, fds, 0);
}

static int fail_epoll_ctl(int a, int b, int c, struct epoll_event *d)
{
    (void)a, (void)b, (void)c, (void)d;
    return fail();
}

TEST(hub_SYS_an_epoll_that_is_full_is_no_memory)
{
    hark__hub *hub;
    struct hark__sys real = hark__sys;
    int fds[2];
    pair(fds);
    CHECK_EQ(hark__hub_open(&hub, "epoll"), 0);
    hark__sys.epoll_ctl = fail_epoll_ctl;
    failure = ENOSPC;
    CHECK_EQ(arm(hub, fds[0], POLLIN, 7), -ENOMEM);
    hark__sys = real;
    CHECK_EQ(take_now(hub, 7), 0);
    close_pair(hub, fds, 7);
}

TEST(hub_select_refuses_large_numbers_with_words)
{
    hark__hub *hub;
    CHECK_EQ(hark__hub_open(&hub, "select"), 0);
    int large = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, FD_SETSIZE);
    CHECK_GE(large, FD_SETSIZE);
    CHECK_EQ(arm(hub, large, POLLIN, 7), -EMFILE);
    CHECK_HAS(hark__hub_refusal(), "FD_SETSIZE");
    close(large);
    hub->class->close(hub);
}
