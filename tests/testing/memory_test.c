/* SPDX-License-Identifier: MIT
 *
 * memory_test.c - the descriptors in memory: alone, against the kernel's own socketpair, and under
 * the calls of hark in a loop on the simulated hub.
 *
 * The comparison is the heart: what an end in memory says must be what the kernel says, or the
 * explorer proves something about a world that does not exist.
 */
#include "../sync/scene.h"
#include "base/sys.h"
#include "core/core.h"
#include "testing/memory.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#define FIRST HARK__MEMORY_FIRST
#define EVERY (POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLWRBAND | POLLPRI | POLLRDHUP)

static int ends[2], others[2];

#define CHECK_FAILS(call, code) \
    do { \
        errno = 0; \
        CHECK_EQ((call), -1); \
        CHECK_EQ(errno, (code)); \
    } while (0)

static int events_of(int fd)
{
    struct pollfd poll = {.fd = fd, .events = EVERY};
    CHECK_GE(hark__sys.poll(&poll, 1, 0), 0);
    return poll.revents;
}

static ssize_t push(int fd, const char *text)
{
    return hark__sys.send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What there is, as text. */
static const char *pull(int fd)
{
    static char text[HARK__MEMORY_ROOM + 1];
    const ssize_t moved = hark__sys.recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (moved < 0) {
        return strerrorname_np(errno);
    }
    text[moved] = '\0';
    return text;
}

#define ALONE(name) \
    static void alone_##name(void); \
    TEST(name) \
    { \
        CHECK_EQ(hark__memory_install(), 0); \
        alone_##name(); \
        hark__memory_uninstall(); \
    } \
    static void alone_##name(void)

/* ---- numbers -------------------------------------------------------------------------------- */

ALONE(memory_D1_the_lowest_free_number_is_used_at_once)
{
    CHECK_EQ(hark__memory_lowest_open(), -1);
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    CHECK_EQ(hark__memory_pair(others, 1), 0);
    CHECK_EQ(ends[0], FIRST);
    CHECK_EQ(ends[1], FIRST + 1);
    CHECK_EQ(others[0], FIRST + 2);
    CHECK_EQ(hark__memory_open(), 4);
    CHECK_EQ(hark__sys.close(ends[1]), 0);
    CHECK_EQ(hark__sys.close(others[0]), 0);
    CHECK_EQ(hark__memory_open(), 2);
    CHECK_EQ(hark__memory_lowest_open(), FIRST);
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    CHECK_EQ(ends[0], FIRST + 1);
    CHECK_EQ(ends[1], FIRST + 2);
    hark__memory_reset();
    CHECK_EQ(hark__memory_open(), 0);
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    CHECK_EQ(ends[0], FIRST);
}

ALONE(memory_the_table_ends)
{
    for (int i = 0; i < HARK__MEMORY_COUNT / 2; i++) {
        CHECK_EQ(hark__memory_pair(ends, 1), 0);
    }
    CHECK_EQ(hark__memory_pair(others, 1), -EMFILE);
    CHECK_EQ(hark__sys.close(ends[0]), 0);
    CHECK_EQ(hark__memory_pair(others, 1), -EMFILE); /* one is not enough */
    CHECK_EQ(hark__sys.close(ends[1]), 0);
    CHECK_EQ(hark__memory_pair(others, 0), -EINVAL);
    CHECK_EQ(hark__memory_pair(others, HARK__MEMORY_ROOM + 1), -EINVAL);
    CHECK_EQ(hark__memory_pair(others, HARK__MEMORY_ROOM), 0);
    CHECK_EQ(hark__memory_open(), HARK__MEMORY_COUNT);
}

ALONE(memory_D5_what_is_not_open_is_a_bad_descriptor)
{
    char byte = 0;
    int value;
    socklen_t length = sizeof value;
    struct stat status;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct iovec part = {&byte, 1};
    const int fd = FIRST + 7;
    CHECK_FAILS(hark__sys.read(fd, &byte, 1), EBADF);
    CHECK_FAILS(hark__sys.read(fd, &byte, 0), EBADF);
    CHECK_FAILS(hark__sys.write(fd, &byte, 1), EBADF);
    CHECK_FAILS(hark__sys.recv(fd, &byte, 1, 0), EBADF);
    CHECK_FAILS(hark__sys.send(fd, &byte, 1, MSG_NOSIGNAL), EBADF);
    CHECK_FAILS(hark__sys.preadv2(fd, &part, 1, -1, 0), EBADF);
    CHECK_FAILS(hark__sys.pwritev2(fd, &part, 1, -1, 0), EBADF);
    CHECK_FAILS(hark__sys.fcntl_int(fd, F_GETFD, 0), EBADF);
    CHECK_FAILS(hark__sys.fstat(fd, &status), EBADF);
    CHECK_FAILS(hark__sys.getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &length), EBADF);
    CHECK_FAILS(hark__sys.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, length), EBADF);
    CHECK_FAILS(hark__sys.getsockname(fd, (struct sockaddr *)&address, &length), EBADF);
    CHECK_FAILS(hark__sys.accept4(fd, NULL, NULL, 0), EBADF);
    CHECK_FAILS(hark__sys.bind(fd, (struct sockaddr *)&address, sizeof address), EBADF);
    CHECK_FAILS(hark__sys.connect(fd, (struct sockaddr *)&address, sizeof address), EBADF);
    CHECK_FAILS(hark__sys.listen(fd, 1), EBADF);
    CHECK_FAILS(hark__sys.close(fd), EBADF);
    CHECK_EQ(events_of(fd), POLLNVAL);
}

TEST(memory_installs_once_and_leaves_as_it_came)
{
    const struct hark__sys before = hark__sys;
    CHECK_EQ(hark__memory_pair(ends, 1), -ENOTSUP);
    CHECK_EQ(hark__memory_install(), 0);
    CHECK_EQ(hark__memory_install(), -EBUSY);
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    hark__memory_uninstall();
    hark__memory_uninstall();
    CHECK_EQ(memcmp(&before, &hark__sys, sizeof before), 0);
    CHECK_EQ(hark__memory_open(), 0);
    CHECK_FAILS(hark__sys.fcntl_int(ends[0], F_GETFD, 0), EBADF);
    CHECK_EQ(hark__memory_install(), 0);
    hark__memory_uninstall();
}

/* ---- bytes ---------------------------------------------------------------------------------- */

ALONE(memory_moves_what_has_room_and_what_is_there)
{
    char bytes[3];
    CHECK_EQ(hark__memory_pair(ends, 5), 0);
    CHECK_STR(pull(ends[0]), "EAGAIN");
    CHECK_EQ(push(ends[0], "abc"), 3);
    CHECK_EQ(push(ends[0], "defgh"), 2);
    CHECK_FAILS(push(ends[0], "x"), EAGAIN);
    CHECK_FAILS(hark__sys.write(ends[0], "x", 1), EAGAIN);
    CHECK_EQ(push(ends[1], "back"), 4); /* the other way is another room */
    CHECK_EQ(hark__sys.read(ends[1], bytes, 3), 3);
    CHECK_EQ(memcmp(bytes, "abc", 3), 0);
    CHECK_EQ(push(ends[0], "fgh"), 3); /* round the ring's end */
    CHECK_STR(pull(ends[1]), "defgh");
    CHECK_STR(pull(ends[1]), "EAGAIN");
    CHECK_STR(pull(ends[0]), "back");
}

ALONE(memory_peeks_and_moves_vectors)
{
    char a[2], b[8];
    const struct iovec out[] = {{"one", 3}, {"", 0}, {"two", 3}}, in[] = {{a, 2}, {b, 8}};
    CHECK_EQ(hark__memory_pair(ends, 5), 0);
    CHECK_EQ(hark__sys.pwritev2(ends[0], out, 3, -1, RWF_NOWAIT), 5);
    CHECK_FAILS(hark__sys.pwritev2(ends[0], out, 3, -1, RWF_NOWAIT), EAGAIN);
    CHECK_EQ(hark__sys.recv(ends[1], b, 8, MSG_PEEK | MSG_DONTWAIT), 5);
    CHECK_EQ(memcmp(b, "onetw", 5), 0);
    CHECK_EQ(hark__sys.preadv2(ends[1], in, 2, -1, RWF_NOWAIT), 5);
    CHECK_EQ(memcmp(a, "on", 2), 0);
    CHECK_EQ(memcmp(b, "etw", 3), 0);
    CHECK_FAILS(hark__sys.preadv2(ends[1], in, 2, -1, RWF_NOWAIT), EAGAIN);
    CHECK_FAILS(hark__sys.recv(ends[1], a, 1, MSG_OOB), EOPNOTSUPP);
    CHECK_FAILS(hark__sys.send(ends[1], a, 1, MSG_OOB | MSG_NOSIGNAL), EOPNOTSUPP);
    CHECK_FAILS(hark__sys.preadv2(ends[1], in, 2, -1, RWF_HIPRI), EOPNOTSUPP);
}

ALONE(memory_the_stream_ends_after_what_had_arrived)
{
    CHECK_EQ(hark__memory_pair(ends, 8), 0);
    CHECK_EQ(push(ends[0], "last"), 4);
    CHECK_EQ(hark__sys.close(ends[0]), 0);
    CHECK_FAILS(push(ends[1], "x"), EPIPE);
    CHECK_EQ(hark__memory_pair(others, 8), 0);
    CHECK_EQ(others[0], ends[0]); /* its new owner is nobody's peer */
    CHECK_EQ(push(others[0], "x"), 1);
    CHECK_STR(pull(ends[1]), "last");
    CHECK_STR(pull(ends[1]), "");
    CHECK_STR(pull(ends[1]), "");
    CHECK_STR(pull(others[1]), "x");
}

ALONE(memory_D4_nothing_stops_the_thread)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    CHECK_EQ(hark__sys.fcntl_int(ends[0], F_SETFL, O_RDWR), 0);
    CHECK_EQ(hark__sys.fcntl_int(ends[0], F_GETFL, 0), O_RDWR);
    CHECK_STR(pull(ends[0]), "EAGAIN"); /* by MSG_DONTWAIT */
    char bytes[3];
    CHECK_FAILS(hark__sys.read(ends[0], bytes, 1), EDEADLK);
    CHECK_FAILS(hark__sys.write(ends[0], "abc", 3), EDEADLK);
    CHECK_STR(pull(ends[1]), "EAGAIN"); /* nothing moved */
    CHECK_EQ(hark__sys.write(ends[0], "ab", 2), 2);
    CHECK_FAILS(hark__sys.write(ends[0], "c", 1), EDEADLK);
}

static uint32_t questions, answer;

static uint32_t pick(uint64_t *state, enum hark__choice what, uint32_t count)
{
    CHECK_EQ(*state, 0);
    CHECK_EQ(what, HARK__CHOOSE_OWN);
    CHECK_EQ(count, 2);
    questions++;
    return answer;
}

ALONE(memory_how_much_moves_is_a_choice)
{
    hark__choices.pick = pick;
    answer = 1;
    CHECK_EQ(hark__memory_pair(ends, 3), 0);
    CHECK_EQ(push(ends[0], "ab"), 2);
    CHECK_EQ(questions, 0); /* off */
    hark__memory_partial(true);
    CHECK_EQ(push(ends[0], "cd"), 1); /* one has room: no choice */
    CHECK_EQ(questions, 0);
    CHECK_STR(pull(ends[1]), "a");
    CHECK_EQ(questions, 1);
    answer = 0;
    CHECK_STR(pull(ends[1]), "bc");
    CHECK_EQ(questions, 2);
    answer = 1;
    CHECK_EQ(push(ends[0], "xyz"), 1);
    CHECK_EQ(questions, 3);
    CHECK_STR(pull(ends[1]), "x");
    CHECK_EQ(questions, 3);
    hark__memory_partial(false);
}

/* ---- mixed with the kernel's ---------------------------------------------------------------- */

ALONE(memory_other_numbers_go_to_the_kernel)
{
    int real[2];
    struct stat status;
    CHECK_EQ(hark__sys.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, real), 0);
    CHECK_EQ(hark__memory_pair(ends, 8), 0);
    CHECK_EQ(push(real[0], "real"), 4);
    CHECK_EQ(push(ends[0], "ours"), 4);
    struct pollfd fds[] = {
        {.fd = ends[1], .events = POLLIN},
        {.fd = real[0], .events = POLLIN},
        {.fd = real[1], .events = POLLIN},
        {.fd = -1, .events = POLLIN, .revents = 7},
        {.fd = ~FIRST, .events = POLLIN},
        {.fd = FIRST + 9, .events = POLLIN},
        {.fd = ends[0], .events = POLLIN, .revents = 7},
    };
    CHECK_EQ(hark__sys.poll(fds, 7, -1), 3);
    const short expected[] = {POLLIN, 0, POLLIN, 0, 0, POLLNVAL, 0};
    for (int i = 0; i < 7; i++) {
        CHECK_EQ(fds[i].revents, expected[i]);
    }
    CHECK_EQ(hark__sys.ppoll(&fds[1], 2, NULL, NULL), 1);
    CHECK_EQ(hark__sys.ppoll(fds, 2, NULL, NULL), 1);
    CHECK_EQ(hark__sys.fstat(real[0], &status), 0);
    CHECK_STR(pull(real[1]), "real");
    CHECK_STR(pull(ends[1]), "ours");
    CHECK_EQ(hark__sys.close(real[0]), 0);
    CHECK_EQ(hark__sys.close(real[1]), 0);
}

/* ---- against the kernel --------------------------------------------------------------------- */

/* Two pairs that live the same life: real and simulated. */
static struct {
    int fds[2][2]; /* of the kernel, ours */
    bool open[2];
    size_t sent[2]; /* and not read: from this end */
    int before[2];  /* what was ready before the last call */
    int epoll;
    hark__hub *hub;
    uint64_t random;
} twins;

static void twins_open(void)
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    CHECK_EQ(hark__sys.socketpair(AF_UNIX, type, 0, twins.fds[0]), 0);
    CHECK_EQ(hark__memory_pair(twins.fds[1], HARK__MEMORY_ROOM), 0);
    for (int i = 0; i < 2; i++) {
        twins.open[i] = true;
        twins.sent[i] = 0;
        twins.before[i] = 0;
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                    .data.u32 = (uint32_t)i};
        CHECK_EQ(epoll_ctl(twins.epoll, EPOLL_CTL_ADD, twins.fds[0][i], &event), 0);
        CHECK_EQ(twins.hub->class->arm(twins.hub, twins.fds[1][i], POLLIN, (uint64_t)i), 0);
    }
}

static void same_level(int end)
{
    for (int mask = 0; mask < 3; mask++) {
        struct pollfd real = {.fd = twins.fds[0][end], .events = (short[]){EVERY, 0, POLLIN}[mask]};
        struct pollfd ours = {.fd = twins.fds[1][end], .events = real.events};
        CHECK_EQ(hark__sys.poll(&ours, 1, 0), poll(&real, 1, 0));
        CHECK_EQ(ours.revents, real.revents);
    }
}

/* The kernel tells more: all that is ready whenever anything stirs. What is new both tell, and ours
 * tells nothing that the kernel does not. */
static void same_edges(void)
{
    int told[2][2] = {{0}};
    struct epoll_event events[2];
    struct hark__report reports[2];
    int count = epoll_wait(twins.epoll, events, 2, 0);
    for (int i = 0; i < count; i++) {
        told[0][events[i].data.u32] |= (int)events[i].events;
    }
    count = twins.hub->class->poll(twins.hub, 0, reports, 2);
    for (int i = 0; i < count; i++) {
        told[1][reports[i].token] |= reports[i].events;
    }
    for (int i = 0; i < 2; i++) {
        const int now = twins.open[i] ? events_of(twins.fds[1][i]) : 0;
        const int told_of = POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
        CHECK_EQ(told[1][i] & ~told[0][i], 0);
        CHECK_EQ(now & ~twins.before[i] & told_of & ~told[1][i], 0);
        twins.before[i] = now;
    }
}

static void same(int64_t ours, int64_t real, int our_error, int real_error)
{
    CHECK_EQ(ours, real);
    if (ours < 0) {
        CHECK_EQ(our_error, real_error);
    }
}

/* Two calls, on the kernel's (side 0) and on ours; evaluates to the result. */
#define EACH(end) twins.fds[side][end]
#define SAME(call) \
    ({ \
        int64_t result_[2]; \
        int errors_[2]; \
        for (int side = 0; side < 2; side++) { \
            errno = 0; \
            result_[side] = (call); \
            errors_[side] = errno; \
        } \
        same(result_[1], result_[0], errors_[1], errors_[0]); \
        result_[1]; \
    })

static void twins_write(int end, size_t size)
{
    static char bytes[64];
    const bool vector = draw(&twins.random) % 4 == 0, sends = draw(&twins.random) % 2;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (char)draw(&twins.random);
    }
    if (twins.sent[end] + size > HARK__MEMORY_ROOM / 4) {
        return; /* never full: the kernel counts by buffers, and has room for some seventy */
    }
    const struct iovec parts[] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
    const int64_t moved = vector  ? SAME(hark__sys.pwritev2(EACH(end), parts, 2, -1, 0))
                          : sends ? SAME(hark__sys.send(EACH(end), bytes, size, MSG_NOSIGNAL))
                                  : SAME(hark__sys.write(EACH(end), bytes, size));
    twins.sent[end] += moved > 0 ? (size_t)moved : 0;
}

static void twins_read(int end, size_t size)
{
    static char bytes[2][64];
    const size_t third = size / 3;
    const struct iovec parts[2][2] = {
        {{bytes[0], third}, {bytes[0] + third, size - third}},
        {{bytes[1], third}, {bytes[1] + third, size - third}},
    };
    const int flags = draw(&twins.random) % 4 == 0 ? MSG_PEEK : 0;
    const bool vector = draw(&twins.random) % 4 == 0, receives = draw(&twins.random) % 2;
    const int64_t moved = vector     ? SAME(hark__sys.preadv2(EACH(end), parts[side], 2, -1, 0))
                          : receives ? SAME(hark__sys.recv(EACH(end), bytes[side], size, flags))
                                     : SAME(hark__sys.read(EACH(end), bytes[side], size));
    if (moved > 0) {
        CHECK_EQ(memcmp(bytes[0], bytes[1], (size_t)moved), 0);
        twins.sent[1 - end] -= vector || !receives || !flags ? (size_t)moved : 0;
    }
}

/* SO_ERROR is taken by asking. */
static void twins_ask_error(int end)
{
    int values[2] = {-1, -1};
    socklen_t lengths[2] = {sizeof(int), sizeof(int)};
    SAME(hark__sys.getsockopt(EACH(end), SOL_SOCKET, SO_ERROR, &values[side], &lengths[side]));
    CHECK_EQ(values[1], values[0]);
    CHECK_EQ(lengths[1], lengths[0]);
}

static void twins_close(int end)
{
    SAME(hark__sys.close(EACH(end)));
    twins.open[end] = false;
}

static void twins_step(void)
{
    const int end = (int)(draw(&twins.random) % 2);
    const uint64_t what = draw(&twins.random) % 64;
    const size_t size = draw(&twins.random) % 64;
    if (!twins.open[end]) {
        return;
    }
    if (what == 0) {
        twins_close(end);
    } else if (what == 1) {
        twins_ask_error(end);
    } else if (what < 34) {
        twins_write(end, what < 4 ? 0 : size);
    } else {
        twins_read(end, what < 36 ? 0 : size);
    }
}

ALONE(memory_behaves_as_the_kernels_socketpair)
{
    signal(SIGPIPE, SIG_IGN);
    twins.random = kit_seed();
    twins.epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK_EQ(hark__hub_open(&twins.hub, "sim"), 0);
    hark__memory_hub(twins.hub);
    for (int life = 0; life < 300 / kit_slow() + 20; life++) {
        twins_open();
        while (twins.open[0] || twins.open[1]) {
            for (int end = 0; end < 2; end++) {
                if (twins.open[end]) {
                    same_level(end);
                }
            }
            same_edges();
            twins_step();
        }
        same_edges();
        CHECK_EQ(hark__memory_open(), 0);
    }
    hark__memory_hub(NULL);
    twins.hub->class->close(twins.hub);
    close(twins.epoll);
}

/* ---- what does not change in a life --------------------------------------------------------- */

static void still_life(void)
{
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    CHECK_EQ(hark__sys.socketpair(AF_UNIX, type, 0, twins.fds[0]), 0);
    CHECK_EQ(hark__memory_pair(twins.fds[1], 8), 0);
}

static void end_of_life(void)
{
    SAME(hark__sys.close(EACH(0)));
    SAME(hark__sys.close(EACH(1)));
}

static void same_option(int name, socklen_t room)
{
    int values[2] = {-1, -1};
    socklen_t sizes[2] = {room, room};
    SAME(hark__sys.getsockopt(EACH(0), SOL_SOCKET, name, &values[side], &sizes[side]));
    CHECK_EQ(values[1], values[0]);
    CHECK_EQ(sizes[1], sizes[0]);
}

ALONE(memory_has_the_options_of_a_socketpair)
{
    static const int names[] = {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ACCEPTCONN, SO_ERROR, 9999};
    const int on = 1;
    int value;
    socklen_t size = sizeof value;
    still_life();
    for (int i = 0; i < 6; i++) {
        for (socklen_t room = 0; room < 12; room += 4) {
            same_option(names[i], room);
        }
    }
    SAME(hark__sys.getsockopt(EACH(0), IPPROTO_TCP, 1, &value, &size));
    SAME(hark__sys.setsockopt(EACH(0), IPPROTO_TCP, 1, &on, sizeof on));
    SAME(hark__sys.setsockopt(EACH(0), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    SAME(hark__sys.setsockopt(EACH(0), SOL_SOCKET, 9999, &on, sizeof on));
    end_of_life();
}

ALONE(memory_has_the_flags_of_a_socketpair)
{
    struct stat status[2];
    still_life();
    SAME(hark__sys.fcntl_int(EACH(0), F_GETFL, 0));
    SAME(hark__sys.fcntl_int(EACH(1), F_GETFL, 0));
    SAME(hark__sys.fcntl_int(EACH(0), F_GETFD, 0));
    SAME(hark__sys.fcntl_int(EACH(0), F_SETFD, 0));
    SAME(hark__sys.fcntl_int(EACH(0), F_GETFD, 0));
    SAME(hark__sys.fcntl_int(EACH(0), F_SETFL, O_RDWR));
    SAME(hark__sys.fcntl_int(EACH(0), F_GETFL, 0));
    SAME(hark__sys.fcntl_int(EACH(1), F_GETFL, 0));
    SAME(hark__sys.fcntl_int(EACH(0), F_SETFL, O_RDWR | O_NONBLOCK));
    SAME(hark__sys.fcntl_int(EACH(0), F_GETFL, 0));
    SAME(hark__sys.fcntl_int(EACH(0), 9999, 0));
    SAME(hark__sys.fstat(EACH(0), &status[side]));
    CHECK_EQ(status[1].st_mode, status[0].st_mode);
    CHECK_EQ(status[1].st_nlink, status[0].st_nlink);
    CHECK_EQ(status[1].st_size, status[0].st_size);
    end_of_life();
}

ALONE(memory_has_the_name_of_a_socketpair_and_refuses_the_same)
{
    struct sockaddr_un names[2] = {{0}}, to = {.sun_family = AF_UNIX, .sun_path = "nothing"};
    struct sockaddr *any[2] = {(struct sockaddr *)&names[0], (struct sockaddr *)&names[1]};
    char byte;
    struct iovec part = {&byte, 1};
    still_life();
    for (socklen_t room = 0; room < 20; room += 2) {
        socklen_t sizes[2] = {room, room};
        SAME(hark__sys.getsockname(EACH(0), any[side], &sizes[side]));
        CHECK_EQ(sizes[1], sizes[0]);
        CHECK_EQ(memcmp(&names[0], &names[1], sizeof names[0]), 0);
    }
    SAME(hark__sys.accept4(EACH(0), NULL, NULL, 0));
    SAME(hark__sys.listen(EACH(0), 1));
    SAME(hark__sys.preadv2(EACH(0), &part, 1, 0, 0));
    SAME(hark__sys.pwritev2(EACH(0), &part, 1, 0, 0));
    SAME(hark__sys.preadv2(EACH(0), &part, -1, -1, 0));
    /* In memory there are no names. */
    CHECK_FAILS(hark__sys.connect(twins.fds[1][0], (struct sockaddr *)&to, sizeof to), EISCONN);
    CHECK_FAILS(hark__sys.bind(twins.fds[1][0], (struct sockaddr *)&to, sizeof to), EINVAL);
    end_of_life();
}

/* ---- edges ---------------------------------------------------------------------------------- */

static hark__hub *hub;

static void log_reports(void)
{
    struct hark__report reports[8];
    const int count = hub->class->poll(hub, 0, reports, 8);
    for (int i = 0; i < count; i++) {
        kit_log("%d:%s%s%s%s%s", (int)reports[i].token, reports[i].events & POLLIN ? "in" : "",
                reports[i].events & POLLOUT ? "out" : "", reports[i].events & POLLERR ? "err" : "",
                reports[i].events & POLLHUP ? "hup" : "",
                reports[i].events & POLLRDHUP ? "rdhup" : "");
    }
}

static void arm(int fd, uint64_t token)
{
    CHECK_EQ(hub->class->arm(hub, fd, POLLIN | POLLOUT, token), 0);
}

#define ON_HUB(name) \
    static void hub_##name(void); \
    ALONE(name) \
    { \
        CHECK_EQ(hark__hub_open(&hub, "sim"), 0); \
        hark__memory_hub(hub); \
        hub_##name(); \
        hark__memory_hub(NULL); \
        hub->class->close(hub); \
    } \
    static void hub_##name(void)

ON_HUB(memory_D2_what_comes_is_an_edge_and_what_is_used_up_is_none)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    arm(ends[0], 0);
    arm(ends[1], 1);
    log_reports();
    CHECK_LOG("0:out 1:out");
    CHECK_EQ(push(ends[0], "a"), 1);
    log_reports();
    CHECK_EQ(push(ends[0], "b"), 1);
    log_reports();
    CHECK_LOG("1:in 1:in");
    CHECK_STR(pull(ends[1]), "ab"); /* it was full */
    log_reports();
    CHECK_LOG("0:out");
    CHECK_EQ(push(ends[0], "c"), 1);
    CHECK_STR(pull(ends[1]), "c"); /* before anybody looked */
    log_reports();
    CHECK_LOG("");
    CHECK_EQ(push(ends[0], "de"), 2);
    arm(ends[0], 0); /* full: asked again, it has nothing to tell */
    log_reports();
    CHECK_LOG("1:in");
    CHECK_EQ(hark__sys.close(ends[0]), 0);
    log_reports();
    CHECK_LOG("1:inouthuprdhup");
    CHECK_EQ(hark__sys.close(ends[1]), 0);
    log_reports();
    CHECK_LOG("");
}

ON_HUB(memory_D6_unread_bytes_are_a_reset)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    arm(ends[1], 1);
    CHECK_EQ(push(ends[1], "xy"), 2);
    log_reports();
    CHECK_LOG("");
    CHECK_EQ(push(ends[0], "a"), 1);
    CHECK_EQ(hark__sys.close(ends[0]), 0);
    log_reports();
    CHECK_LOG("1:inouterrhuprdhup");
    CHECK_STR(pull(ends[1]), "a");
    CHECK_STR(pull(ends[1]), "ECONNRESET");
    CHECK_STR(pull(ends[1]), "");
    arm(ends[1], 1);
    log_reports();
    CHECK_LOG("1:inouthuprdhup");
}

ON_HUB(memory_D3_a_registration_vanishes_with_its_descriptor)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    arm(ends[0], 0);
    arm(ends[1], 1);
    CHECK(hark__sim_pending(hub));
    CHECK_EQ(hark__sys.close(ends[0]), 0);
    CHECK_EQ(hark__sys.close(ends[1]), 0);
    CHECK(!hark__sim_pending(hub));
    CHECK_EQ(hub->class->arm(hub, ends[0], POLLIN, 0), -EBADF);
    CHECK_EQ(hark__memory_pair(others, 2), 0);
    CHECK_EQ(others[0], ends[0]);
    CHECK_EQ(push(others[0], "a"), 1);
    CHECK_EQ(push(others[1], "a"), 1);
    log_reports();
    CHECK_LOG("");
    arm(others[0], 5);
    log_reports();
    CHECK_LOG("5:inout");
}

/* Asked of the hub while nobody had the number: that is not the next owner's. */
ON_HUB(memory_D3_a_number_that_was_armed_before_it_was_made_begins_clean)
{
    arm(FIRST, 9);
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    log_reports();
    CHECK_LOG("");
}

ON_HUB(memory_a_new_hub_is_told_what_is_ready)
{
    hark__hub *first = hub;
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    CHECK_EQ(hark__memory_pair(others, 2), 0);
    CHECK_EQ(push(ends[0], "ab"), 2);
    CHECK_EQ(hark__sys.close(others[0]), 0);
    hark__memory_hub(NULL);
    first->class->close(first);
    CHECK_EQ(hark__hub_open(&hub, "sim"), 0);
    hark__memory_hub(hub);
    arm(ends[0], 0);
    arm(ends[1], 1);
    arm(others[1], 2);
    log_reports();
    CHECK_LOG("1:inout 2:inouthuprdhup");
    hark__memory_reset(); /* lets go of the hub: it knows the old ones still, and nothing new */
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    arm(ends[1], 1);
    log_reports();
    CHECK_EQ(push(ends[0], "a"), 1);
    log_reports();
    CHECK_LOG("1:inout");
    CHECK_STR(pull(ends[1]), "a");
    hark__memory_hub(hub);
    log_reports();
    CHECK_LOG("");
    CHECK_EQ(push(ends[0], "a"), 1);
    arm(ends[1], 3);
    log_reports();
    CHECK_LOG("3:inout");
}

/* ---- under hark's own calls ----------------------------------------------------------------- */

#define IN_LOOP_SEEDED(name, by) \
    static void loop_##name(void); \
    static int main_##name(void *unused) \
    { \
        (void)unused; \
        hark__memory_hub(hark__here->hub); \
        CHECK_EQ(hark_group_open(&group), 0); \
        loop_##name(); \
        CHECK_EQ(hark_group_close(&group, 0), 0); \
        CHECK_EQ(hark__memory_open(), 0); \
        CHECK(!hark__sim_pending(hark__here->hub)); \
        hark__memory_hub(NULL); \
        return 0; \
    } \
    ALONE(name) \
    { \
        const hark_options options = { \
            .size = sizeof options, .hub = "sim", .virtual_clock = true, .seed = (by)}; \
        CHECK_EQ(hark_run_with(&options, main_##name, NULL), 0); \
    } \
    static void loop_##name(void)

#define IN_LOOP(name) IN_LOOP_SEEDED(name, 0)

static void close_ends(void)
{
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
}

static int read_one(void *name)
{
    char byte = 0;
    const int64_t rc = hark_read(ends[0], &byte, 1);
    kit_log("%s:%s", (const char *)name,
            rc == 1   ? (char[]){byte, 0}
            : rc == 0 ? "end"
                      : outcome(rc));
    return 0;
}

static int write_one(void *name)
{
    const int64_t rc = hark_write(ends[0], "w", 1);
    kit_log("%s:%s", (const char *)name, rc == 1 ? "byte" : outcome(rc));
    return 0;
}

IN_LOOP(memory_hark_reads_and_writes_and_waits)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    hark_go(&group, read_one, "r");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_write(ends[1], "ab", 2), 2);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("r:a");
    hark_go(&group, read_one, "r");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("r:b");
    CHECK_EQ(hark_write(ends[0], "xy", 2), 2);
    hark_go(&group, write_one, "w");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    char byte;
    CHECK_EQ(hark_read(ends[1], &byte, 1), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("w:byte");
    CHECK_EQ(hark_within(HARK_S(3600), hark_read(ends[0], &byte, 1)), -ETIMEDOUT);
    close_ends();
}

IN_LOOP(memory_hark_sees_the_end_and_the_broken_pipe)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    hark_go(&group, read_one, "r");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("r:end");
    CHECK_EQ(hark_write(ends[0], "x", 1), -EPIPE);
    CHECK_EQ(hark_close(ends[0]), 0);
    CHECK_EQ(hark_close(ends[0]), -EBADF);
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    CHECK_EQ(hark_write(ends[0], "xy", 2), 2);
    hark_go(&group, write_one, "w"); /* waits for room, and the reader leaves */
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("w:EPIPE");
    CHECK_EQ(hark_read(ends[0], &(char){0}, 1), -ECONNRESET);
    CHECK_EQ(hark_close(ends[0]), 0);
}

static unsigned char stream[2000];

static int write_all(void *unused)
{
    (void)unused;
    size_t done;
    CHECK_EQ(hark_write_full(ends[0], stream, sizeof stream, &done), 0);
    CHECK_EQ(done, sizeof stream);
    return hark_close(ends[0]);
}

static uint32_t pick_at_random(uint64_t *state, enum hark__choice what, uint32_t count)
{
    static uint64_t random = 1;
    (void)state, (void)what;
    return (uint32_t)(draw(&random) % count);
}

static void all_of_the_stream(void)
{
    static unsigned char got[sizeof stream];
    size_t done;
    for (size_t i = 0; i < sizeof stream; i++) {
        stream[i] = (unsigned char)(i * 2654435761u >> 13);
    }
    CHECK_EQ(hark__memory_pair(ends, 7), 0);
    hark_go(&group, write_all, NULL);
    CHECK_EQ(hark_read_full(ends[1], got, sizeof got, &done), 0);
    CHECK_EQ(memcmp(got, stream, sizeof stream), 0);
    CHECK_EQ(hark_read_full(ends[1], got, 1, &done), -ENODATA);
    CHECK_EQ(hark_close(ends[1]), 0);
}

/* With a seed, so that reader and writer meet at every place of the ring. */
IN_LOOP_SEEDED(memory_hark_moves_a_stream_through_little_room, kit_seed())
{
    all_of_the_stream();
    hark__memory_partial(true);
    hark__choices.pick = pick_at_random;
    all_of_the_stream();
    hark__memory_partial(false);
}

IN_LOOP(memory_hark_close_wakes_who_waits)
{
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    CHECK_EQ(hark_write(ends[0], "x", 1), 1);
    hark_go(&group, read_one, "r");
    CHECK_EQ(hark_settle(), 0);
    hark_go(&group, write_one, "w");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_close(ends[0]), 0);
    const int kept = ends[1];
    CHECK_EQ(hark__memory_pair(ends, 1), 0); /* reused before they run */
    CHECK_EQ(ends[0], FIRST);
    CHECK_EQ(hark_write(ends[1], "n", 1), 1);
    CHECK_EQ(hark_settle(), 0);
    hark_go(&group, read_one, "n");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("r:EBADF w:EBADF n:n");
    CHECK_EQ(hark_close(kept), 0);
    close_ends();
}

IN_LOOP(memory_hark_waits_for_either_direction_and_forgets)
{
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN | POLLOUT), POLLOUT);
    CHECK_EQ(hark_write(ends[0], "x", 1), 1);
    CHECK_EQ(hark_within(HARK_S(1), hark_wait_fd(ends[0], POLLIN | POLLOUT)), -ETIMEDOUT);
    CHECK_EQ(hark_write(ends[1], "y", 1), 1);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN | POLLOUT), POLLIN);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN), POLLIN);
    hark_go(&group, write_one, "w");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_forget(ends[0]), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("w:EBADF");
    CHECK(!hark__sim_pending(hark__here->hub));
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN), POLLIN); /* it is open, and comes back to us */
    CHECK_EQ(hark_close(ends[1]), 0);
    CHECK_EQ(hark_wait_fd(ends[0], POLLIN | POLLOUT), POLLIN | POLLOUT);
    CHECK_EQ(hark_close(ends[0]), 0);
}

static int select_two(void *unused)
{
    (void)unused;
    hark_case cases[] = {
        hark_on_fd(ends[0], POLLIN),
        hark_on_fd(others[0], POLLIN | POLLOUT),
        hark_on_time(hark_now() + HARK_S(5)),
    };
    kit_log("%d", hark_select(cases, 3));
    return 0;
}

IN_LOOP(memory_hark_selects)
{
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    CHECK_EQ(hark__memory_pair(others, 1), 0);
    CHECK_EQ(hark_write(others[0], "x", 1), 1);
    hark_task task = hark_go(&group, select_two, NULL);
    CHECK_EQ(hark_task_wait(task), 0);
    task = hark_go(&group, select_two, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(ends[1], "x", 1), 1);
    CHECK_EQ(hark_task_wait(task), 0);
    char byte;
    CHECK_EQ(hark_read(ends[0], &byte, 1), 1);
    task = hark_go(&group, select_two, NULL);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_read(others[1], &byte, 1), 1);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("2 0 1");
    close_ends();
    CHECK_EQ(hark_close(others[0]), 0);
    CHECK_EQ(hark_close(others[1]), 0);
}

static hark_watch reader, writer;

static void on_readable(void *unused)
{
    (void)unused;
    kit_log("r:%s", pull(ends[0]));
}

static void on_writable(void *unused)
{
    (void)unused;
    kit_log("w:%d", (int)push(ends[0], "12"));
    CHECK_EQ(hark_unwatch(&writer), 0);
}

IN_LOOP(memory_hark_readers_and_writers)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    CHECK_EQ(hark_add_reader(ends[0], &reader, on_readable, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_write(ends[1], "a", 1), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_write(ends[1], "bc", 2), 2);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("r:a r:bc");
    CHECK_EQ(push(ends[0], "xy"), 2);
    CHECK_EQ(hark_add_writer(ends[0], &writer, on_writable, NULL), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_STR(pull(ends[1]), "xy");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("w:2");
    CHECK_EQ(hark_unwatch(&reader), 0);
    close_ends();
}

/* hark_read waits, somebody closes behind its back, and the number has a new owner: the hub has
 * nothing to tell of it, as no epoll would. */
IN_LOOP(memory_closed_behind_our_back_the_registration_is_gone)
{
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    const hark_task task = hark_go(&group, read_one, "r");
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark__sys.close(ends[0]), 0);
    const int kept = ends[1];
    CHECK_EQ(hark__memory_pair(ends, 2), 0);
    CHECK_EQ(ends[0], FIRST);
    CHECK_EQ(push(ends[1], "n"), 1);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("");
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("r:cancelled");
    CHECK_EQ(hark_forget(ends[0]), 0);
    hark_go(&group, read_one, "n");
    CHECK_EQ(hark_settle(), 0);
    CHECK_LOG("n:n");
    CHECK_EQ(hark_close(kept), 0);
    close_ends();
}

/* What a plain loop would ask the kernel: nothing, from here to there. */
static int calls_outside;

static ssize_t count_recv(int fd, void *buffer, size_t size, int flags)
{
    (void)fd, (void)buffer, (void)size, (void)flags;
    calls_outside++;
    errno = EIO;
    return -1;
}

static int count_poll(struct pollfd *fds, nfds_t count, int timeout)
{
    (void)fds, (void)count, (void)timeout;
    calls_outside++;
    errno = EIO;
    return -1;
}

static int ping_pong(void *unused)
{
    (void)unused;
    hark__memory_hub(hark__here->hub);
    CHECK_EQ(hark_group_open(&group), 0);
    CHECK_EQ(hark__memory_pair(ends, 1), 0);
    hark_go(&group, read_one, "r");
    CHECK_EQ(hark_wait_fd(ends[1], POLLOUT), POLLOUT);
    CHECK_EQ(hark_write(ends[1], "p", 1), 1);
    CHECK_EQ(hark_group_close(&group, 0), 0);
    close_ends();
    hark__memory_hub(NULL);
    return 0;
}

TEST(memory_asks_nothing_of_the_kernel)
{
    const hark_options options = {.size = sizeof options, .hub = "sim", .virtual_clock = true};
    const struct hark__sys before = hark__sys;
    hark__sys.recv = count_recv;
    hark__sys.poll = count_poll;
    CHECK_EQ(hark__memory_install(), 0);
    CHECK_EQ(hark_run_with(&options, ping_pong, NULL), 0);
    CHECK_LOG("r:p");
    CHECK_EQ(calls_outside, 0);
    hark__memory_uninstall();
    CHECK_PTR(hark__sys.recv, count_recv);
    hark__sys = before;
}
