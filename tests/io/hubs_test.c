/* SPDX-License-Identifier: MIT
 *
 * hubs_test.c - any order of operations on descriptors gives the same results on every hub.
 *
 * Idea     A sequence of operations is drawn from a seed: descriptors are made, written, read,
 *          waited for, half closed, closed, copied; tasks wait for them in the background, are
 *          cancelled, and lose their descriptor; watches read. Every result is written down, in
 *          words that name no descriptor's number. The sequence runs once a hub, each time in a
 *          process of its own, and the texts must be the same, letter by letter.
 *
 *          What the kernel reports at one moment comes in an order that is the hub's. So after each
 *          operation everything goes as far as it can (hark_settle), and what has happened
 *          meanwhile is written down in the order of the places, not of the events.
 *
 * Rules    1  The clock is virtual: a time-out means "never", and costs nothing.
 *          2  Only local sockets and pipes: what is written is readable at once.
 *          3  Of one file (copies are the same one) one place at a time waits in the background:
 *             who of two gets what comes is the hub's order, and rightly so.
 *          4  No datagram socket is shut down: Linux then calls it readable, and has nothing to
 *             read.
 *          5  While a task writes in the background no socket is half closed: select(2) has no set
 *             for a hang-up alone, and its hub sees it late (hub/select.c).
 *          6  A seed that fails is told, and HUBS_SEED=... runs that one alone.
 * Not here What a hub itself promises: tests/hub.
 */
#include "wire.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { PLACES = 10, OPERATIONS = 160, SEQUENCES = 30, TEXT = 1 << 16 };

/* ---- what is written down -------------------------------------------------------------------- */

static struct {
    size_t used;
    char text[TEXT];
} * transcript;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int n =
        vsnprintf(transcript->text + transcript->used, TEXT - transcript->used, format, arguments);
    va_end(arguments);
    CHECK(n >= 0 && transcript->used + (size_t)n < TEXT);
    transcript->used += (size_t)n;
}

static const char *word(int64_t rc)
{
    static char number[24];
    if (rc < 0) {
        return strerrorname_np((int)-rc);
    }
    snprintf(number, sizeof number, "%d", (int)rc);
    return number;
}

/* ---- places ---------------------------------------------------------------------------------- */

enum background { NOTHING, READS, WRITES, WAITS };

static struct place {
    int fd; /* -1: none */
    enum background doing;
    hark_task task;
    int64_t result;
    bool ended;
    hark_watch watch;
    bool watched;
    int called; /* its reader, since the last look */
} places[PLACES];

static uint64_t dice;

static int roll(int sides)
{
    return (int)(draw(&dice) % (uint64_t)sides);
}

/* A place that is, or is not, in use; -1: none. */
static int pick(bool open)
{
    const int first = roll(PLACES);
    for (int i = 0; i < PLACES; i++) {
        const int place = (first + i) % PLACES;
        if ((places[place].fd >= 0) == open) {
            return place;
        }
    }
    return -1;
}

static void put(int place, int fd)
{
    places[place] = (struct place){.fd = fd};
}

/* ---- what goes on in the background ---------------------------------------------------------- */

static int background(void *arg)
{
    struct place *place = arg;
    static char bytes[1 << 15];
    int64_t rc;
    switch (place->doing) {
    case READS: rc = hark_read(place->fd, bytes, 100); break;
    case WRITES: rc = hark_write(place->fd, bytes, sizeof bytes); break;
    default: rc = hark_wait_fd(place->fd, POLLIN); break;
    }
    place->result = rc;
    place->ended = true;
    return 0;
}

static void on_readable(void *arg)
{
    struct place *place = arg;
    char byte[64];
    place->called++;
    const ssize_t n = recv(place->fd, byte, sizeof byte, MSG_DONTWAIT);
    if (n <= 0) { /* the end: a level reader would be called for ever */
        CHECK_EQ(hark_unwatch(&place->watch), 0);
        place->watched = false;
    }
}

static void tell_what_happened(void)
{
    CHECK_EQ(hark_settle(), 0);
    for (int i = 0; i < PLACES; i++) {
        struct place *place = &places[i];
        if (place->ended) {
            note(" [%d ended %s]", i, word(place->result));
            place->ended = false;
            place->task = 0;
            place->doing = NOTHING;
        }
        if (place->called) {
            note(" [%d called %d]", i, place->called);
            place->called = 0;
        }
    }
    note("\n");
}

/* ---- operations ------------------------------------------------------------------------------ */

static void op_make(void)
{
    int fds[2] = {-1, -1};
    const int kind = roll(4), a = pick(false);
    if (a < 0) {
        return;
    }
    put(a, 1 << 20); /* taken, for the second pick */
    const int b = pick(false);
    put(a, -1);
    if (b < 0) {
        return;
    }
    switch (kind) {
    case 0: CHECK_EQ(hark_pipe(fds), 0); break;
    case 1: CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0); break;
    default: CHECK_EQ(hark_socketpair(fds), 0); break;
    }
    put(a, fds[0]);
    put(b, fds[1]);
    note("make %d: %d %d", kind, a, b);
}

static void op_write(int i)
{
    static char bytes[1 << 16];
    static const int sizes[] = {1, 7, 100, 5000, 60000};
    const int size = sizes[roll(5)];
    note("write %d %d: %s", i, size,
         word(hark_within(HARK_MS(1), hark_write(places[i].fd, bytes, (size_t)size))));
}

static void op_read(int i)
{
    static char bytes[1 << 16];
    static const int sizes[] = {1, 3, 64, 4096, 65536};
    const int size = sizes[roll(5)];
    note("read %d %d: %s", i, size,
         word(hark_within(HARK_MS(1), hark_read(places[i].fd, bytes, (size_t)size))));
}

static void op_wait(int i)
{
    static const short events[] = {POLLIN, POLLOUT, POLLIN | POLLOUT};
    const short wanted = events[roll(3)];
    note("wait %d %d: %s", i, wanted,
         word(hark_within(HARK_MS(1), hark_wait_fd(places[i].fd, wanted))));
}

/* Rule 5. */
static bool somebody_writes(void)
{
    for (int i = 0; i < PLACES; i++) {
        if (places[i].task && places[i].doing == WRITES) {
            return true;
        }
    }
    return false;
}

static void op_half_close(int i)
{
    int type = SOCK_DGRAM;
    socklen_t length = sizeof type;
    getsockopt(places[i].fd, SOL_SOCKET, SO_TYPE, &type, &length);
    if (type == SOCK_DGRAM || somebody_writes()) {
        return;
    }
    const int how = roll(2) ? SHUT_WR : SHUT_RDWR;
    note("shutdown %d %d: %s", i, how, word(shutdown(places[i].fd, how) < 0 ? -errno : 0));
}

static void op_close(int i)
{
    struct place *place = &places[i];
    const int fd = place->fd;
    note("close %d: %s", i, word(hark_close(fd)));
    place->watched = false; /* it went with its descriptor */
    CHECK_EQ(hark_settle(), 0);
    if (place->ended) {
        note(" [%d ended %s]", i, word(place->result));
    }
    put(i, -1);
}

static void op_copy(int i)
{
    const int to = pick(false);
    if (to >= 0) {
        put(to, dup(places[i].fd));
        note("dup %d %d", i, to);
    }
}

/* Rule 3. */
static bool is_waited_for(int i)
{
    struct stat mine, other;
    CHECK_EQ(fstat(places[i].fd, &mine), 0);
    for (int k = 0; k < PLACES; k++) {
        if (places[k].task || places[k].watched) {
            CHECK_EQ(fstat(places[k].fd, &other), 0);
            if (mine.st_ino == other.st_ino) {
                return true;
            }
        }
    }
    return false;
}

static void op_background(int i)
{
    struct place *place = &places[i];
    if (is_waited_for(i)) {
        return;
    }
    place->doing = (enum background)(1 + roll(3));
    place->task = hark_go(&group, background, place);
    note("go %d %d", i, place->doing);
}

static void op_cancel(int i)
{
    if (places[i].task) {
        note("cancel %d: %s", i, word(hark_task_cancel(places[i].task)));
    }
}

static void op_watch(int i)
{
    struct place *place = &places[i];
    if (place->watched) {
        note("unwatch %d: %s", i, word(hark_unwatch(&place->watch)));
        place->watched = false;
        return;
    }
    struct stat status;
    CHECK_EQ(fstat(place->fd, &status), 0);
    if (!S_ISSOCK(status.st_mode) || is_waited_for(i)) {
        return;
    }
    const int rc = hark_add_reader(place->fd, &place->watch, on_readable, place);
    place->watched = rc == 0;
    note("watch %d: %s", i, word(rc));
}

/* The number is closed and made anew behind a waiter's back, but hark was told. */
static void op_reuse(int i)
{
    struct place *place = &places[i];
    const int fd = place->fd, other = pick(true);
    if (other == i || place->task || place->watched) {
        return;
    }
    CHECK_EQ(hark_forget(fd), 0);
    CHECK_EQ(dup3(places[other].fd, fd, O_CLOEXEC), fd);
    note("reuse %d as %d", i, other);
}

static void operate(void)
{
    static void (*const operations[])(int) = {
        op_write, op_read,       op_wait,   op_half_close, op_close, op_copy,  op_write,
        op_read,  op_background, op_cancel, op_watch,      op_reuse, op_write, op_background};
    const int which = roll(16), place = pick(true);
    if (which >= 14 || place < 0) {
        op_make();
    } else {
        operations[which](place);
    }
    tell_what_happened();
}

static int sequence(void *arg)
{
    (void)arg;
    CHECK_EQ(hark_group_open(&group), 0);
    for (int i = 0; i < PLACES; i++) {
        put(i, -1);
    }
    for (int i = 0; i < OPERATIONS; i++) {
        operate();
    }
    for (int i = 0; i < PLACES; i++) {
        if (places[i].fd >= 0) {
            op_close(i);
        }
    }
    return hark_group_close(&group, 0);
}

/* ---- the same on every hub ------------------------------------------------------------------- */

static void run_on(const char *hub, uint64_t seed)
{
    transcript->used = 0;
    const pid_t child = fork();
    if (child == 0) {
        setenv("HARK_HUB", hub, 1);
        alarm(5 * (unsigned)kit_slow()); /* a child that hangs is told with its transcript */
        dice = seed;
        const int rc = RUN_VIRTUAL(sequence, NULL);
        _exit(rc == 0 ? 0 : rc == -EOPNOTSUPP ? 77 : 1);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        transcript->used = 0;
        return;
    }
    if (status) {
        fprintf(stderr, "seed %" PRIu64 " on %s: status %d\n%.*s\n", seed, hub, status,
                (int)transcript->used, transcript->text);
    }
    CHECK_EQ(status, 0);
}

static void tell_difference(const char *a, const char *b)
{
    int line = 1;
    size_t start = 0, i = 0;
    for (; a[i] && a[i] == b[i]; i++) {
        if (a[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    fprintf(stderr, "line %d: \"%.*s\" and \"%.*s\"\n", line, (int)strcspn(a + start, "\n"),
            a + start, (int)strcspn(b + start, "\n"), b + start);
    fprintf(stderr, "%.*s", (int)start, a);
}

static void compare_hubs(uint64_t seed)
{
    static const char *const hubs[] = {"epoll", "poll", "select", "uring"};
    static char first[TEXT];
    size_t first_used = 0;
    for (size_t i = 0; i < sizeof hubs / sizeof *hubs; i++) {
        run_on(hubs[i], seed);
        if (transcript->used == 0) {
            continue; /* refused here */
        }
        transcript->text[transcript->used] = 0;
        if (first_used == 0) {
            first_used = transcript->used;
            memcpy(first, transcript->text, first_used + 1);
        } else if (strcmp(first, transcript->text) != 0) {
            fprintf(stderr, "HUBS_SEED=%" PRIu64 ": %s differs\n", seed, hubs[i]);
            tell_difference(first, transcript->text);
            CHECK_STR("what another hub says", "the same");
        }
    }
    CHECK_GT(first_used, OPERATIONS);
}

TEST_TIMEOUT(hubs_U26_any_order_of_operations_gives_the_same_results, 60)
{
    const char *only = getenv("HUBS_SEED");
    transcript =
        mmap(NULL, sizeof *transcript, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(transcript != MAP_FAILED);
    if (only) {
        compare_hubs(strtoull(only, NULL, 10));
        return;
    }
    uint64_t seeds = kit_seed();
    for (int i = 0; i < SEQUENCES / kit_slow() + 1; i++) {
        compare_hubs(draw(&seeds));
    }
    CHECK_EQ(munmap(transcript, sizeof *transcript), 0);
}

/* What the comparison has found: poll(2) calls a socket writable when half its buffer is free, and
 * the wrong end of a pipe never; a write after such a wait went to sleep, where the hub tells of
 * edges, though it had only to be tried. */
ON_WIRE(hubs_who_waited_in_vain_for_room_tries_all_the_same)
{
    static char bytes[60000];
    int fds[2];
    CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    while (hark_within(HARK_MS(1), hark_wait_fd(fds[0], POLLOUT)) == POLLOUT) {
        CHECK_EQ(hark_write(fds[0], bytes, sizeof bytes), sizeof bytes);
    }
    CHECK_EQ(hark_within(HARK_S(1), hark_write(fds[0], "x", 1)), 1);
    unwire(fds);
    wire(PIPE, fds);
    CHECK_EQ(hark_within(HARK_MS(1), hark_wait_fd(fds[0], POLLOUT)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_S(1), hark_write(fds[0], "x", 1)), -EBADF);
    CHECK_EQ(hark_within(HARK_MS(1), hark_wait_fd(fds[1], POLLIN)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_S(1), hark_read(fds[1], bytes, 1)), -EBADF);
    unwire(fds);
}

/* And this: Linux puts what is short behind the last bytes of a full pipe, if they leave room in
 * their page. Who had waited in vain with much waited with little, too, where the hub tells of
 * edges. */
ON_WIRE(hubs_a_full_pipe_may_have_room_for_little)
{
    static char bytes[60000];
    int fds[2];

    wire(PIPE, fds);
    const size_t whole = (size_t)(fcntl(fds[1], F_GETPIPE_SZ) - getpagesize());
    char *pages = calloc(1, whole);
    CHECK_EQ(hark_write_full(fds[1], pages, whole, NULL), 0);
    free(pages);
    CHECK_EQ(hark_write(fds[1], bytes, 3000), 3000);
    CHECK_EQ(hark_within(HARK_MS(1), hark_write(fds[1], bytes, 3000)), -ETIMEDOUT);
    CHECK_EQ(hark_within(HARK_S(1), hark_write(fds[1], "seven.", 7)), 7);
    unwire(fds);
}
