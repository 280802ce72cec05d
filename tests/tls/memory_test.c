/* SPDX-License-Identifier: MIT
 *
 * memory_test.c - OpenSSL's allocator, ours for a test: every allocation fails in turn, what was
 * taken is given back, and the end of the process is quiet (L8, L12).
 *
 * Idea     All memory of hark-tls and of OpenSSL comes through one door (X2 of src/tls/tls.h), so
 *          that a test that holds it can count what lives, and refuse the k-th request and all
 *          after it, or that one alone.
 * Rules    1  A story is run once undisturbed, to warm up what OpenSSL makes only once; then it is
 *             counted; then disturbed at places all over it.
 *          2  A disturbed story may end well or with any code. It must end, nothing may be left,
 *             and undisturbed it must work again.
 */
#include "pair.h"

#include <sys/wait.h>

static struct {
    long requests, living;
    long refuse_at; /* 0: never */
    bool refuse_on; /* and all after it */
    pthread_mutex_t lock;
} book = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool refused(void)
{
    pthread_mutex_lock(&book.lock);
    const long request = ++book.requests;
    const bool no = book.refuse_at &&
                    (request == book.refuse_at || (book.refuse_on && request > book.refuse_at));
    pthread_mutex_unlock(&book.lock);
    return no;
}

static void count(int change)
{
    pthread_mutex_lock(&book.lock);
    book.living += change;
    pthread_mutex_unlock(&book.lock);
}

static void *give(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *memory = size == 0 || refused() ? NULL : malloc(size);
    count(memory != NULL);
    return memory;
}

static void take(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    count(-(memory != NULL));
    free(memory);
}

static void *change(void *memory, size_t size, const char *file, int line)
{
    if (!memory) {
        return give(size, file, line);
    }
    if (size == 0) {
        take(memory, file, line);
        return NULL;
    }
    return refused() ? NULL : realloc(memory, size);
}

/* The queue of errors keeps its texts' memory: 16 places, which all have some from now on. */
static void hold_the_door(void)
{
    CHECK(CRYPTO_set_mem_functions(give, change, take));
    for (int i = 0; i < 20; i++) {
        ERR_raise_data(ERR_LIB_USER, 1, "error %d of 20", i);
    }
    ERR_clear_error();
}

/* ---- stories --------------------------------------------------------------------------------- */

static int tell(hark_fn *story, long refuse_at, bool refuse_on)
{
    book.requests = 0;
    book.refuse_at = refuse_at;
    book.refuse_on = refuse_on;
    const int result = story(NULL);
    book.refuse_at = 0;
    ERR_clear_error();
    return result;
}

static void disturb(hark_fn *story, long living, long at, bool on)
{
    tell(story, at, on);
    if (book.living > living) {
        fprintf(stderr, "refused %ld%s\n", at, on ? " and all after it" : "");
    }
    CHECK_LE(book.living, living);
}

static void disturb_everywhere(hark_fn *story, int places)
{
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(tell(story, 0, false), 0);
    }
    const long requests = book.requests, living = book.living;
    CHECK_EQ(tell(story, 0, false), 0);
    CHECK_EQ(book.living, living);
    CHECK_GT(requests, 50);
    const long step = requests / (places / kit_slow()) + 1;
    for (long at = 1 + (long)(kit_seed() % (uint64_t)step); at <= requests; at += step) {
        disturb(story, living, at, false);
        disturb(story, living, at, true);
    }
    CHECK_EQ(tell(story, 0, false), 0);
    CHECK_LE(book.living, living); /* what OpenSSL had kept may be gone */
}

static int story_of_contexts(void *arg)
{
    (void)arg;
    int error = hark_tls_context_open(&asks, HARK_TLS_CLIENT, &ask);
    if (!error) {
        error = hark_tls_context_open(&serves, HARK_TLS_SERVER, &serve);
    }
    if (!error) {
        error = hark_tls_context_add(serves, "example.org", serve.certificate, serve.key);
    }
    if (!error) {
        error = hark_tls_context_reload(serves);
    }
    hark_tls_context_close(asks);
    hark_tls_context_close(serves);
    asks = serves = NULL;
    CHECK_LE(error, 0);
    return error;
}

TEST(stream_L8_no_memory_for_contexts)
{
    hold_the_door();
    begin_options();
    ask.alpn = (const char *const[]){"h2", NULL};
    disturb_everywhere(story_of_contexts, 60);
    certs_end();
}

static int say_and_hear(void)
{
    char bytes[8];
    size_t done;
    int error = hark_stream_write_full(&client, "question", 8, NULL);

    error = error ? error : hark_stream_read_full(&server, bytes, 8, &done);
    error = error ? error : hark_stream_write_full(&server, "answer!!", 8, NULL);
    error = error ? error : hark_stream_read_full(&client, bytes, 8, &done);
    error = error ? error : hark_stream_half_close(&client);
    error = error ? error : (int)hark_stream_read(&server, bytes, 1);
    if (!error) {
        CHECK_STR(hark_tls_peer_name(&client), "CN=server");
    }
    return error;
}

static int story_of_sessions(void *arg)
{
    int error;

    (void)arg;
    pair_in_memory(1 << 15);
    shake_as("localhost");
    error = said.client ? said.client : said.server;
    if (!error) {
        error = say_and_hear();
    }
    hark_stream_close(&client);
    hark_stream_close(&server);
    CHECK(!near.kind && !far.kind);
    CHECK_LE(error, 0);
    return error;
}

static void sessions_without_memory(void)
{
    hold_the_door();
    begin_options();
    ask.no_resumption = serve.no_resumption = true; /* so that each is like the other */
    open_contexts();
    disturb_everywhere(story_of_sessions, 60);
    close_contexts();
}

INSIDE(stream_L8_no_memory_for_sessions)
{
    sessions_without_memory();
}

/* Contexts too, when the last session has gone. */
INSIDE(stream_L10_contexts_leave_nothing_behind)
{
    long living = LONG_MAX;

    hold_the_door();
    begin_options();
    for (int i = 0; i < 6; i++) {
        open_contexts();
        CHECK_EQ(story_of_sessions(NULL), 0);
        hark_tls_context_close(asks);
        hark_tls_context_close(serves);
        CHECK_LE(book.living, living);
        living = i < 2 ? LONG_MAX : book.living;
    }
    certs_end();
}

/* With tickets what is kept differs from run to run; it must not grow. */
INSIDE(stream_L10_sessions_leave_nothing_behind)
{
    hold_the_door();
    begin_options();
    open_contexts();
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(story_of_sessions(NULL), 0);
    }
    const long living = book.living;
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(story_of_sessions(NULL), 0);
    }
    CHECK_LE(book.living, living);
    close_contexts();
}

/* ---- L12: the end of the process ------------------------------------------------------------- */

/* Registered before OpenSSL's own handler, so it is called after it: nothing has crashed. What a
 * process leaves that ends in its middle is no leak. */
static void the_end(void)
{
    _exit(7);
}

/* With sessions, contexts, tickets, and threads that have used OpenSSL. */
static int leave_in_the_middle(void *arg)
{
    (void)arg;
    begin_options();
    ask.offload = serve.offload = true;
    open_contexts();
    pair_in_memory(1 << 14);
    shake();
    check_line(&client, &server, "hello");
    certs_end();
    exit(1);
}

static void *leave_from_a_thread(void *arg)
{
    CHECK_EQ(hark_run(leave_in_the_middle, arg), 0);
    return NULL;
}

static void check_end(void *(*life)(void *), bool in_a_thread)
{
    int status;

    fflush(NULL);
    const pid_t pid = fork();
    CHECK_GE(pid, 0);
    if (pid == 0) {
        atexit(the_end);
        if (in_a_thread) {
            in_thread(life, NULL);
        } else {
            life(NULL);
        }
        _exit(2);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status));
    CHECK_EQ(WEXITSTATUS(status), 7);
}

TEST(stream_L12_the_end_is_quiet)
{
    check_end(leave_from_a_thread, false);
}

/* So that OpenSSL's own data of the thread is there still. */
TEST(stream_L12_the_end_is_quiet_in_a_thread)
{
    check_end(leave_from_a_thread, true);
}
