/* SPDX-License-Identifier: MIT
 *
 * dump_test.c - hark_dump: the tree of living tasks, on demand and by a signal.
 */
#include "../sync/scene.h"


#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "core/core.h"

static hark_event event;
static hark_flag flag;
static hark_future future;

/* The dump of now; free it. */
static char *dump_text(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out != NULL);
    hark_dump(out);
    CHECK_EQ(fclose(out), 0);
    return text;
}

/* The line of `text` that has `word`; it is cut off there. */
static const char *line_with(char *text, const char *word)
{
    CHECK_HAS(text, word);
    char *line = strstr(text, word);
    while (line > text && line[-1] != '\n') {
        line--;
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void check_dump(const char *name, const char *waits_for)
{
    char *text = dump_text(), quoted[64]; /* the same word may stand in a path */
    snprintf(quoted, sizeof(quoted), "\"%s\"", name);
    CHECK_HAS(line_with(text, quoted), waits_for);
    free(text);
}

/* ---- what it says ---------------------------------------------------------------------------- */

static int wait_for_event(void *arg)
{
    (void)arg;
    hark_task_name("waits for an event");
    return hark_event_wait(&event);
}

INSIDE(dump_names_a_task_its_spawn_site_and_what_it_waits_for)
{
    char site[32];
    snprintf(site, sizeof(site), "dump_test.c:%d", __LINE__ + 1);
    hark_go(&group, wait_for_event, NULL);
    hark_settle();
    check_dump("waits for an event", site);
    check_dump("waits for an event", "event");
    hark_event_set(&event);
}

static int plainly_called(void *arg)
{
    (void)arg;
    return hark_event_wait(&event);
}

INSIDE(dump_calls_a_nameless_task_by_its_function)
{
    hark_go(&group, plainly_called, NULL);
    hark_settle();
    check_dump("plainly_called", "dump_test.c:");
    hark_event_set(&event);
}

static hark_task awaited;

static int wait_for_flag(void *arg)
{
    (void)arg;
    hark_task_name("one");
    return hark_flag_wait(&flag);
}

static int wait_for_future(void *arg)
{
    (void)arg;
    hark_task_name("two");
    return hark_future_wait(&future, NULL);
}

static int wait_for_task(void *arg)
{
    (void)arg;
    hark_task_name("three");
    return hark_task_wait(awaited);
}

static int wait_for_time(void *arg)
{
    (void)arg;
    hark_task_name("four");
    return hark_sleep(HARK_S(5));
}

static int wait_for_many(void *arg)
{
    (void)arg;
    hark_task_name("five");
    hark_case cases[] = {hark_on_event(&event), hark_on_flag(&flag)};
    const int i = hark_select(cases, 2);
    return i < 0 ? i : 0;
}

static int wait_for_child(void *arg)
{
    hark_group g;
    (void)arg;
    hark_task_name("six");
    hark_group_open(&g);
    hark_go(&g, plainly_called, NULL);
    return hark_group_close(&g, 0);
}

INSIDE(dump_tells_every_kind_of_wait)
{
    awaited = hark_go(&group, wait_for_flag, NULL);
    hark_go(&group, wait_for_future, NULL);
    hark_go(&group, wait_for_task, NULL);
    hark_go(&group, wait_for_time, NULL);
    hark_go(&group, wait_for_many, NULL);
    hark_go(&group, wait_for_child, NULL);
    hark_settle();
    check_dump("one", "flag");
    check_dump("two", "future");
    check_dump("three", "task");
    check_dump("four", "time");
    check_dump("five", "the first of: an event at");
    check_dump("six", "children");
    hark_event_set(&event), hark_flag_set(&flag), hark_future_send(&future, NULL);
}

INSIDE(dump_LL_19_shows_a_child_below_its_parent)
{
    hark_go(&group, wait_for_child, NULL);
    hark_settle();
    char *text = dump_text();
    CHECK_HAS(text, "six");
    CHECK_HAS(strstr(text, "six"), "plainly_called");
    free(text);
    hark_event_set(&event);
}

static int ends[2];

static int wait_for_byte(void *arg)
{
    (void)arg;
    hark_task_name("reader");
    const int rc = hark_wait_fd(ends[0], POLLIN);
    return rc < 0 ? rc : 0;
}

INSIDE_ON_HUBS(dump_tells_the_descriptor_that_is_waited_for)
{
    char number[16];
    CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
    const hark_task t = hark_go(&group, wait_for_byte, NULL);
    hark_settle();
    snprintf(number, sizeof(number), "%d", ends[0]);
    check_dump("reader", number);
    hark_task_cancel(t);
    hark_task_wait(t);
    hark_close(ends[0]), hark_close(ends[1]);
}

INSIDE(dump_does_not_name_who_has_ended)
{
    hark_go(&group, plainly_called, NULL);
    hark_event_set(&event);
    hark_settle();
    char *text = dump_text();
    CHECK(strstr(text, "plainly_called") == NULL);
    free(text);
}

INSIDE(dump_TM_08_of_1000_tasks_has_them_all)
{
    int count = 0;
    for (int i = 0; i < 1000; i++) {
        hark_go(&group, plainly_called, NULL);
    }
    hark_settle();
    char *text = dump_text();
    for (const char *p = text; (p = strstr(p, "plainly_called")); p++) {
        count++;
    }
    free(text);
    CHECK_EQ(count, 1000);
    hark_event_set(&event);
}

TEST(dump_outside_a_loop_says_so)
{
    char *text = dump_text();
    CHECK(strlen(text) > 0);
    CHECK_HAS(text, "loop");
    free(text);
}

/* ---- by a signal ----------------------------------------------------------------------------- */

INSIDE(dump_on_a_signal_prints_the_tasks_on_stderr_though_the_loop_is_stuck)
{
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    hark_go(&group, wait_for_event, NULL);
    hark_settle();
    capture_begin();
    raise(SIGUSR1);
    const char *text = capture_end();
    CHECK_HAS(text, "waits for an event");
    CHECK_HAS(text, "dump_test.c:");
    hark_event_set(&event);
}

#if defined(__x86_64__)
/* As any program without frame pointers may: rbp holds a number while the signal comes. */
static long kill_without_a_frame(int signo)
{
    long result = SYS_kill;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "push %%rbp\n\t"
                     "mov $7, %%ebp\n\t"
                     "syscall\n\t"
                     "pop %%rbp\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "+a"(result)
                     : "D"(getpid()), "S"(signo)
                     : "rcx", "r11", "memory");
    return result;
}

INSIDE(dump_on_a_signal_reaches_code_without_frame_pointers)
{
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    capture_begin();
    CHECK_EQ(kill_without_a_frame(SIGUSR1), 0);
    CHECK_HAS(capture_end(), "here:");
}
#endif

static int receive(void *channel)
{
    int item;
    return hark_chan_recv(channel, &item) == -ENODATA ? 0 : -EPROTO;
}

/* It is out of its list, and not ready yet. */
static ssize_t (*real_write)(int fd, const void *bytes, size_t size);
static int writes;

static ssize_t write_and_raise(int fd, const void *bytes, size_t size)
{
    if (writes++ == 0) {
        raise(SIGUSR1);
        kit_log("raised");
    }
    return real_write(fd, bytes, size);
}

/* The second one waits until the first has been told: both are whole. */
INSIDE(dump_on_a_second_signal_waits_until_the_first_is_told)
{
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    real_write = hark__sys.write;
    capture_begin();
    hark__sys.write = write_and_raise;
    raise(SIGUSR1);
    hark__sys.write = real_write;
    const char *first = strstr(capture_end(), "hark: 1 task, hub");
    CHECK_LOG("raised");
    CHECK_EQ(writes, 2);
    CHECK(first);
    const char *second = strstr(first + 1, "hark: 1 task, hub");
    CHECK(second);
    CHECK(!strstr(second + 1, "hark: 1 task, hub"));
    const char *running = strstr(first, "hark: now runs task 1");
    CHECK(running && running < second);
}

INSIDE(dump_on_a_signal_that_comes_while_a_task_is_being_woken)
{
    hark_chan channel;
    CHECK_EQ(hark_chan_init(&channel, sizeof(int), 0), 0);
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    hark__task *task = hark__task_find(hark__here, hark_go(&group, receive, &channel));
    hark_settle();
    hark__list_remove(&task->in.waiter);
    capture_begin();
    raise(SIGUSR1);
    const char *text = capture_end();
    CHECK_HAS(text, "waits for an item of a channel");
    hark__list_add(&channel.receivers, &task->in.waiter);
    CHECK_EQ(hark_chan_close_sender(&channel), 0);
    CHECK_EQ(hark_settle(), 0);
    CHECK_EQ(hark_chan_free(&channel), 0);
}

static int dump_on_usr1(void *arg)
{
    (void)arg;
    return hark_dump_on(SIGUSR1);
}

TEST(dump_on_lasts_until_the_run_ends)
{
    struct sigaction now;
    CHECK_EQ(RUN(dump_on_usr1, NULL), 0);
    CHECK_EQ(sigaction(SIGUSR1, NULL, &now), 0);
    CHECK(now.sa_handler == SIG_DFL);
}

INSIDE(dump_on_misuse_has_a_code_and_words)
{
    CHECK_MISUSE(hark_dump_on(SIGKILL), -EINVAL, "hark_dump_on");
    CHECK_MISUSE(hark_dump_on(0), -EINVAL, "hark_dump_on");
    CHECK_MISUSE(hark_dump_on(100000), -EINVAL, "hark_dump_on");
}

TEST(dump_on_misuse_outside_any_task_is_refused)
{
    CHECK_MISUSE(hark_dump_on(SIGUSR1), -ENOTSUP, "hark_dump_on");
}

/* ---- the text of the call is taken apart ------------------------------------------------------ */

struct pair {
    int one, two;
};

static int sum_of(void *arg)
{
    const struct pair *p = arg;
    hark_yield();
    return p->one + p->two;
}

INSIDE(dump_names_the_function_whatever_else_stands_in_the_call)
{
    hark_future f = HARK_FUTURE_INIT;
    char *text;

    hark_go(&group, sum_of, &(struct pair){1, 2});
    hark_go_future(&group, (hark_future *[]){&f, NULL}[0], &sum_of, &(struct pair){3, 4});
    hark_go_with(&group, sum_of, (struct pair){5, 6});
    text = dump_text();
    CHECK_HAS(text, "\"sum_of\"");
    CHECK(!strstr(text, "struct pair"));
    CHECK(!strstr(text, "\"&"));
    free(text);
    hark_settle(); /* the arguments live in this block */
}

/* ---- from a signal --------------------------------------------------------------------------- */

static bool signals_now;

static void release_and_signal(void *memory)
{
    free(memory);
    if (signals_now) {
        raise(SIGUSR1);
    }
}

static int named(void *arg)
{
    hark_task_name("the one that ends");
    signals_now = true;
    return arg ? 1 : 0;
}

static int dumps_while_it_ends(void *arg)
{
    hark_group g;
    (void)arg;
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    hark_group_open(&g);
    hark_go(&g, named, NULL);
    hark_group_close(&g, 0);
    signals_now = false;
    return 0;
}

TEST(dump_on_reads_no_freed_name_of_a_task_that_ends) /* shows under AddressSanitizer */
{
    hark__memory.release = release_and_signal;
    CHECK_EQ(RUN(dumps_while_it_ends, NULL), 0);
    hark__memory.release = free;
}

/* ---- handlers and the end of a run ----------------------------------------------------------- */

static sem_t kill_entered, kill_leave, bystander_end;
static pthread_t bystander;
static int (*real_kill)(pthread_t, int);

static int kill_held_up(pthread_t thread, int signo)
{
    sem_post(&kill_entered);
    sem_wait(&kill_leave);
    return real_kill(thread, signo);
}

static void *waits_for_the_end(void *arg)
{
    while (sem_wait(&bystander_end) < 0) {}
    return arg;
}

static void *releases_the_handler(void *arg)
{
    while (hark__census_count()) { /* until the last task of the run has ended */
        sched_yield();
    }
    sem_post(&kill_leave);
    return arg;
}

static int leaves_while_a_handler_works(void *arg)
{
    CHECK_EQ(hark_dump_on(SIGUSR1), 0);
    pthread_kill(bystander, SIGUSR1);
    sem_wait(&kill_entered);
    CHECK_EQ(pthread_create(arg, NULL, releases_the_handler, NULL), 0);
    return 0;
}

TEST(dump_on_Z4_a_run_waits_for_handlers_that_pass_its_signal_on) /* else SIGUSR1 ends the process */
{
    pthread_t helper;
    sem_init(&kill_entered, 0, 0);
    sem_init(&kill_leave, 0, 0);
    sem_init(&bystander_end, 0, 0);
    real_kill = hark__sys.thread_kill;
    hark__sys.thread_kill = kill_held_up;
    CHECK_EQ(pthread_create(&bystander, NULL, waits_for_the_end, NULL), 0);
    CHECK_EQ(RUN(leaves_while_a_handler_works, &helper), 0);
    pthread_join(helper, NULL);
    sem_post(&bystander_end);
    pthread_join(bystander, NULL);
}

/* ---- who cancelled ----------------------------------------------------------------------------- */

static int cleans_up(void *arg)
{
    (void)arg;
    hark_sleep(HARK_S(60));
    hark_scope shield;
    hark_scope_open(&shield, HARK_FOREVER);
    hark_scope_shield(&shield, true);
    hark_sleep(HARK_S(5));
    hark_scope_close(&shield, 0);
    hark_yield(); /* -ECANCELED: outside the shield again */
    return 0;
}

INSIDE(dump_says_who_cancelled_a_task)
{
    hark_group g;
    char mine[32];
    snprintf(mine, sizeof(mine), "cancelled by task %d", (int)hark_self());
    hark_group_open(&g);
    hark_go(&g, cleans_up, NULL);
    hark_settle();
    hark_group_cancel(&g);
    char *text = dump_text(); /* it is ready, and its innermost scope is reached */
    CHECK_HAS(line_with(text, "cleans_up"), mine);
    free(text);
    CHECK_EQ(hark_group_close(&g, 0), 0);
}
