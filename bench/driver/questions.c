/* SPDX-License-Identifier: MIT
 *
 * questions.c - what is asked. One program a question; everything else about it stands here.
 *
 * A key may carry what is wished for (goals.c). Where an issue says "5 ns" for one operation, a key
 * that is made of two, a send and a receive, has twice that; "no worse" allows the 5 % which two
 * runs of one program differ by.
 *
 * A new question is a program bench/NAME.c, a place in this table, and, where somebody can answer
 * it, an answer in limits/ and peers/. The limit that counts is the one with `true`.
 */
#include "driver.h"
#include <stdlib.h>
#include <string.h>

#define TASK_LIMITS(question) \
    { \
        {"limit: bare run queue", "bare", question, false}, \
        { \
            "limit: guarded run queue", "guarded", question, true \
        } \
    }

/* A hand-over is judged by the switch that it cannot do without, too. */
#define HAND_OVER_LIMITS(question, key) \
    { \
        {"limit: bare switch, no queue", "raw_switch", key, false}, \
            {"limit: bare run queue", "bare", question, false}, \
        { \
            "limit: guarded run queue", "guarded", question, true \
        } \
    }

#define TAKING_TURNS \
    { \
        {"1 task", "1", ALWAYS}, {"2 tasks", "2", ALWAYS}, \
        { \
            "8 tasks", "8", ALWAYS \
        } \
    }

#define SIZES(what) \
    { \
        {"10 " what, "10", ALWAYS}, {"1,000 " what, "1000", ALWAYS}, \
            {"100,000 " what, "100000", ALWAYS}, \
        { \
            "1,000,000 " what, "1000000", FULL \
        } \
    }

/* 64 bytes each: a message that comes back, and a page. */
#define MESSAGE "sixty-four bytes that come back as they went, or it is no echo.\n"
#define PAGE    "a page of sixty-four bytes, for everyone who asks for it: hello\n"

const question questions[] = {
    {.name = "switch",
     .text = "two tasks give way to one another",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_yield", "a yield", LESS, GOAL_LIMIT(1.3)}},
     .limits = {{"limit: bare switch, no queue", "raw_switch", "", false},
                {"limit: bare run queue", "bare", "switch", false},
                {"limit: guarded run queue", "guarded", "switch", true}}},
    {.name = "yield_n",
     .text = "many tasks are ready and give way, each in its turn",
     .cases = {{"10 tasks", "10", ALWAYS},
               {"1,000 tasks", "1000", ALWAYS},
               {"100,000 tasks", "100000", ALWAYS}},
     .keys = {{"ns_per_yield", "a yield", LESS}},
     .limits = TASK_LIMITS("yield_n")},
    {.name = "pingpong",
     .text = "two tasks wake one another through two flags, and through two futures",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_round_trip", "a round trip", LESS, GOAL_LIMIT(1.3)},
              {"ns_per_future_round_trip", "a round trip with futures, reset each time", LESS}},
     .limits = TASK_LIMITS("pingpong")},
    {.name = "broadcast",
     .text = "one set wakes all who wait; all go on and end",
     .cases = {{"1 waiter", "1", ALWAYS},
               {"1,000 waiters", "1000", ALWAYS},
               {"100,000 waiters", "100000", QUICK},
               {"1,000,000 waiters", "1000000", FULL}},
     .keys = {{"ns_per_task",
               "set to all ended, a task",
               LESS,
               {{.to = TO_LIMIT, .bound = 1.5, .from = 100000},
                {.to = TO_PEER, .bound = 0.5, .than = "Tokio", .from = 100000}}},
              {"ns_in_set", "of which in the set itself, a task", LESS}},
     .limits = TASK_LIMITS("broadcast")},
    {.name = "spawn_end",
     .text = "tasks that end at once: one after another, and a million spawned before they run",
     .cases = {{"100,000 tasks", "100000", QUICK}, {"1,000,000 tasks", "1000000", FULL}},
     .keys = {{"ns_serial", "spawn one and join it", LESS, GOAL_LIMIT(1.5)},
              {"ns_batch_warm", "of a batch, warm", LESS, GOAL_AT(60)},
              {"ns_batch_cold", "of a batch, the first in the process", LESS, GOAL_AT(120)}},
     .limits = TASK_LIMITS("spawn_end")},
    {.name = "spawn_park",
     .text = "spawn tasks that wait, all alive at once, and what memory they take",
     .cases = {{"100,000 tasks", "100000", QUICK}, {"1,000,000 tasks", "1000000", FULL}},
     .keys = {{"ns_cold", "a task, on fresh memory", LESS, GOAL_LIMIT(1.3)},
              {"ns_warm", "a task, the second time", LESS, GOAL_LIMIT(1.3)},
              {"bytes_per_task", "memory a parked task, all counted", LESS, GOAL_AT(4400)},
              {"rss_per_task", "of which resident pages", LESS},
              {"tables_per_task", "of which page tables", LESS}},
     .limits = TASK_LIMITS("spawn_park")},
    {.name = "scope",
     .text = "a scope around a call that does not block: opened, the call, closed",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_call", "the call alone", LESS},
              {"ns_scope", "with a scope", LESS},
              {"ns_scope_deadline", "with a scope that has a deadline", LESS, GOAL_AT(25)},
              {"ns_within", "with a deadline for this call (hark_within)", LESS}},
     .limits = TASK_LIMITS("scope")},
    {.name = "deadline",
     .text = "a deadline around a call that parks, and is over before it",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_round_trip", "a round trip, each wait under a deadline", LESS},
              {"ns_per_deadline", "what one deadline adds", LESS}},
     .limits = {{"limit: bare run queue, wheel", "bare", "deadline", false},
                {"limit: guarded queue, wheel", "guarded", "deadline", true}}},
    {.name = "timers",
     .text = "many timers, spread over one second, none of which needs a task: processor time",
     .cases = {{"100,000 timers", "100000", QUICK}, {"1,000,000 timers", "1000000", FULL}},
     .keys = {{"ns_arm", "one more is armed", LESS, GOAL_LIMIT(1.3)},
              {"ns_rearm", "any one of them is cancelled and armed anew", LESS, GOAL_LIMIT(1.3)},
              {"ns_fire", "one fires", LESS, GOAL_LIMIT(1.3)},
              {"ns_arm_cancel", "one, alone, is armed and cancelled", LESS, GOAL_LIMIT(1.5)},
              {"bytes_per_timer", "memory a timer, all counted", LESS, GOAL_AT(72)},
              {"late_ms", "the last one's delay", PLAIN}},
     .limits = {{"limit: wheel, clock read to arm", "timers", "clock", true},
                {"limit: wheel, no clock", "timers", "wheel", false},
                {"limit: intrusive 4-ary heap", "timers", "heap", false}}},
    {.name = "watchers",
     .text = "callbacks wait for one event, none of which needs a task; one set, and all are called",
     .cases = {{"1 callback", "1", ALWAYS},
               {"1,000 callbacks", "1000", ALWAYS},
               {"100,000 callbacks", "100000", QUICK},
               {"1,000,000 callbacks", "1000000", FULL}},
     .keys = {{"ns_watch", "one is armed", LESS},
              {"ns_unwatch", "one is given up", LESS},
              {"ns_per_call", "set to all called, a callback", LESS},
              {"bytes_per_watcher", "memory a waiting callback, all counted", LESS, GOAL_AT(72)},
              {"bytes_with_queue", "the same, once all were called", LESS}},
     .limits = {{"limit: list and queue", "watchers", "", true}}},
    {.name = "readable",
     .text = "descriptors are watched, none of which needs a task",
     .cases = {{"1 descriptor", "1", ALWAYS},
               {"1,000 descriptors", "1000", ALWAYS},
               {"8,000 descriptors", "8000", FULL}},
     .keys = {{"ns_watch_unwatch", "one is watched, and no longer", LESS},
              {"ns_ready", "one is written to, and its callback reads it", LESS},
              {"bytes_per_watcher", "memory a watched descriptor, all counted", LESS}},
     .limits = {{"limit: raw epoll", "readable", "", true}}},
    {.name = "sleep_many",
     .text = "sleepers whose deadlines are spread over one second: processor time a sleeper",
     .cases = {{"100,000 sleepers", "100000", QUICK}, {"1,000,000 sleepers", "1000000", FULL}},
     .keys = {{"ns_arm", "a task goes to sleep", LESS},
              {"ns_fire", "it wakes and ends", LESS},
              {"late_ms", "the last one's delay", PLAIN}},
     .limits = {{"limit: guarded queue, wheel", "guarded", "sleep_many", true}}},
    {.name = "lock",
     .text = "a lock that nobody else wants; then each who holds it hands it to the next",
     .cases = TAKING_TURNS,
     .keys = {{"ns_alone", "acquire and release", LESS, GOAL_AT(5)},
              {"ns_per_hand_over", "a hand-over: release, queue again, the next one runs", LESS}},
     .limits = HAND_OVER_LIMITS("lock", "ns_per_hand_over")},
    {.name = "sem",
     .text = "a permit that nobody else wants; then each who has it hands it to the next",
     .cases = TAKING_TURNS,
     .keys = {{"ns_alone", "acquire and release", LESS, GOAL_AT(5)},
              {"ns_per_hand_over", "a hand-over: release, queue again, the next one runs", LESS}},
     .limits = HAND_OVER_LIMITS("sem", "ns_per_hand_over")},
    {.name = "chan",
     .text = "items through a channel, in and out by one task alone, and from one to another",
     .cases = {{"no slot", "0", ALWAYS}, {"1 slot", "1", ALWAYS}, {"64 slots", "64", ALWAYS}},
     .keys = {{"ns_alone", "send and receive, one task alone", LESS, GOAL_AT(10)},
              {"ns_per_item", "an item, from task to task", LESS}},
     .limits = HAND_OVER_LIMITS("chan", "ns_per_item")},
    {.name = "stream",
     .text = "lines of 40 bytes, and reads of as many, from a socket pair that is never empty",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_line", "a line", LESS}, {"ns_per_read", "a read", LESS}},
     .limits = {{"limit: getline and read(2)", "getline", "", true}}},
    {.name = "queue",
     .text = "items through a queue, in and out by one task alone, and from one to another",
     .cases = {{"at most 64 items", "bounded", ALWAYS},
               {"any number of items", "unbounded", ALWAYS},
               {"by priority, 32 others in it", "priority", ALWAYS}},
     .keys = {{"ns_alone", "put and get, one task alone", LESS},
              {"ns_per_hand_over", "an item for one that waits, which goes on", LESS},
              {"ns_per_item", "an item, from task to task", LESS}},
     .limits = HAND_OVER_LIMITS("queue", "ns_per_hand_over")},
    {.name = "select",
     .text = "receive from the first of several channels",
     .cases = {{"2 cases", "2", ALWAYS}, {"64 cases", "64", ALWAYS}},
     .keys = {{"ns_ready", "one has an item: a send and the select", LESS},
              {"ns_woken", "none has: wait for all, be sent to, go on; the sender gives way", LESS}},
     .limits = TASK_LIMITS("select")},
    {.name = "cond",
     .text = "a condition at which nobody waits; then each notifies the next, and waits",
     .cases = TAKING_TURNS,
     .keys = {{"ns_alone", "notify nobody", LESS},
              {"ns_per_turn", "a turn: notify, wait, the next one has the lock and runs", LESS}},
     .limits = HAND_OVER_LIMITS("cond", "ns_per_turn")},
    {.name = "barrier",
     .text = "parties who do nothing but wait for one another",
     .cases = {{"1 party", "1", ALWAYS}, {"2 parties", "2", ALWAYS}, {"8 parties", "8", ALWAYS}},
     .keys = {{"ns_alone", "a wait for nobody", LESS},
              {"ns_per_party", "a round, for each of its parties", LESS}},
     .limits = HAND_OVER_LIMITS("barrier", "ns_per_party")},
    {.name = "uncontended",
     .text = "the other primitives, when nobody else wants them",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_event", "an event that is set: wait", LESS, GOAL_AT(5)},
              {"ns_read", "a lock, to read: taken and released", LESS, GOAL_AT(5)},
              {"ns_write", "a lock, to write: taken and released", LESS, GOAL_AT(5)},
              {"ns_limiter", "a limiter: acquire and release", LESS, GOAL_AT(5)},
              {"ns_once", "a once that is done", LESS, GOAL_AT(5)},
              {"ns_count_down", "a latch: count down", LESS, GOAL_AT(5)},
              {"ns_open_latch", "a latch that is open: wait", LESS, GOAL_AT(5)},
              {"ns_broadcast", "a broadcast: send, its only reader receives", LESS, GOAL_AT(10)}},
     .limits = TASK_LIMITS("uncontended")},
    {.name = "echo",
     .text = "a TCP server echoes messages of 64 bytes, one on its way per connection",
     .server = true,
     .talk = {MESSAGE, "", MESSAGE},
     .cases = {{"1 connection", "1", ALWAYS},
               {"64 connections", "64", ALWAYS},
               {"1,000 connections", "1000", ALWAYS}},
     .keys = {{"ns_cpu_per_message", "the server's processor time a message", LESS, GOAL_LIMIT(1.05)},
              {"messages_per_s", "messages a second", MORE},
              {"p50_us", "round trip, half are faster", LESS},
              {"p99_us", "round trip, 99 of 100 are faster", LESS, GOAL_LIMIT(1.05)},
              {"least_served", "the least served connection, of the mean", MORE, GOAL_AT(50)}},
     .limits = {{"limit: raw epoll", "echo_epoll", "", true},
                {"limit: raw io_uring", "echo_uring", "", true},
                {"limit: raw io_uring, direct", "echo_uring", "direct", true}}},
    {.name = "http",
     .text = "an HTTP server gives a page of 64 bytes, one request on its way per connection",
     .server = true,
     .talk = {"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n",
              "HTTP/1.1 200 OK\r\n", PAGE},
     .cases = {{"1 connection", "1", ALWAYS}, {"64 connections", "64", ALWAYS}},
     .keys = {{"ns_cpu_per_message", "the server's processor time a request", LESS},
              {"messages_per_s", "requests a second", MORE},
              {"p50_us", "request to answer, half are faster", LESS},
              {"p99_us", "request to answer, 99 of 100 are faster", LESS},
              {"least_served", "the least served connection, of the mean", MORE}},
     .limits = {{"limit: raw epoll", "http_epoll", "", true}}},
    {.name = "thread",
     .text = "a call to another thread and its answer",
     .cases = {{"two processors", "", ALWAYS | BOTH}, {"one processor", "", ALWAYS}},
     .keys = {{"ns_thread_call", "from the loop into a thread, and back", LESS, GOAL_LIMIT(1.05)},
              {"ns_portal_call", "from a thread into the loop, and back", LESS, GOAL_LIMIT(1.05)},
              {"ns_thread_call_asleep", "into a thread and back, told to sleep at once", LESS,
               GOAL_LIMIT(1.05)}},
     .limits = {{"limit: futex there, eventfd back", "thread", "mixed", true},
                {"limit: futex both ways", "thread", "futex", false},
                {"limit: eventfd both ways", "thread", "eventfd", false},
                {"limit: the first, with a spin", "thread", "spin", false}}},
    {.name = "post",
     .text = "callbacks posted to a loop by other threads",
     .cases = {{"", "", ALWAYS | BOTH}},
     .keys = {{"ns_per_post_1", "one thread", LESS}, {"ns_per_post_4", "four threads", LESS}},
     .limits = {{"limit: atomic stack and eventfd", "post", "", true}}},
    {.name = "workers",
     .text = "two loops: items that cross, and a TCP echo on one and on two",
     .cases = {{"", "", ALWAYS | BOTH}},
     .keys = {{"ns_per_item_met", "an item, no room: where two meet", LESS},
              {"ns_per_item_buffered", "an item, room for 64", LESS},
              {"answers_1_loop", "echo on one loop, answers a second", MORE},
              {"answers_2_loops", "echo on two loops, answers a second", MORE}},
     .limits = {{"limit: raw epoll in two threads", "workers", "", true}}},
    {.name = "child",
     .text = "run /bin/true to its end",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_alone", "one after another", LESS},
              {"ns_beside", "eight at a time", LESS},
              {"ns_standing", "the loop stands still, a child", LESS}},
     .limits = {{"limit: posix_spawn and waitpid", "child", "blocking", false},
                {"limit: posix_spawn, epoll", "child", "polled", true}}},
    {.name = "file",
     .text = "read a file that is in memory, and open one",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_64k", "64 KiB, one after another", LESS},
              {"ns_4k", "4 KiB, anywhere", LESS},
              {"ns_open", "open, fstat, close", LESS}},
     .limits = {{"limit: pread, open", "file", "", true}}},
    {.name = "udp",
     .text = "datagrams of 64 bytes over the loopback",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_one_by_one", "one by one", LESS}, {"ns_in_batches", "32 at a time", LESS}},
     .limits = {{"limit: sendto, sendmmsg", "udp", "plain", true},
                {"limit: sent as one, UDP_SEGMENT", "udp", "cut", true}}},
    {.name = "tls",
     .text = "TLS over a pair of sockets, both ends in one process",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"handshake", "a full handshake, both ends", LESS},
              {"throughput", "records of 16 KiB, a second", MORE}},
     .limits = {{"limit: OpenSSL alone", "tls", "", true}}},

    /* ---- how the cost grows: asked for by `growth` ----------------------------------------- */

    {.name = "growth-yield",
     .program = "yield_n",
     .growth = true,
     .text = "tasks that are ready and give way, each in its turn",
     .cases = SIZES("tasks"),
     .keys = {{"ns_per_yield", "a yield", LESS}},
     .limits = TASK_LIMITS("yield_n")},
    {.name = "growth-park",
     .program = "spawn_park",
     .growth = true,
     .text = "tasks that are spawned and wait, all alive at once",
     .cases = SIZES("tasks"),
     .keys = {{"ns_cold", "a task, on fresh memory", LESS},
              {"ns_warm", "a task, the second time", LESS},
              {"bytes_per_task", "memory a parked task, all counted", LESS}},
     .limits = TASK_LIMITS("spawn_park")},
    {.name = "growth-wake",
     .program = "broadcast",
     .growth = true,
     .text = "one set wakes all who wait for one event; all go on and end",
     .cases = SIZES("waiters"),
     .keys = {{"ns_per_task", "set to all ended, a task", LESS},
              {"ns_in_set", "of which in the set itself, a task", LESS}},
     .limits = TASK_LIMITS("broadcast")},
    {.name = "growth-cancel",
     .program = "grow_cancel",
     .growth = true,
     .text = "tasks wait for one event, each in a scope; any one of them is cancelled",
     .cases = SIZES("waiters"),
     .keys = {{"ns_per_cancel", "cancelled, it goes on, and waits again", LESS}},
     .limits = {{"limit: guarded run queue", "grow", "cancel", true}}},
    {.name = "growth-timers",
     .program = "timers",
     .growth = true,
     .text = "timers, spread over one second, none of which needs a task: processor time",
     .cases = SIZES("timers"),
     .keys = {{"ns_arm", "one more is armed", LESS},
              {"ns_rearm", "any one of them is cancelled and armed anew", LESS},
              {"ns_fire", "one fires", LESS},
              {"bytes_per_timer", "memory a timer, all counted", LESS}},
     .limits = {{"limit: wheel, clock read to arm", "timers", "clock", true},
                {"limit: wheel, no clock", "timers", "wheel", false},
                {"limit: intrusive 4-ary heap", "timers", "heap", false}}},
    {.name = "growth-fds",
     .program = "grow_fds",
     .growth = true,
     .hubs = true,
     .text = "descriptors are open and idle, and a task reads each",
     .cases = {{"10 descriptors", "10", ALWAYS},
               {"1,000 descriptors", "1000", ALWAYS},
               {"10,000 descriptors", "10000", ALWAYS},
               {"100,000 descriptors", "100000", FULL},
               {"1,000,000 descriptors", "1000000", FULL}},
     .keys = {{"ns_per_wake", "any one of them becomes readable, and is read", LESS},
              {"ns_per_replacing", "any one of them is closed, and another opened", LESS},
              {"ns_begin", "a task begins to wait for one: processor time", LESS}},
     .limits = {{"limit: raw epoll", "grow", "fds", true}}},
    {.name = "growth-scopes",
     .program = "grow_scopes",
     .growth = true,
     .text = "scopes, one in the other",
     .cases = SIZES("scopes"),
     .keys = {{"ns_nest", "opened and closed, all of them: a scope", LESS},
              {"ns_cancel", "the outermost is cancelled, and all are closed: a scope", LESS},
              {"ns_checkpoint", "a checkpoint inside all of them", LESS},
              {"ns_inner", "one more in there, around a call that does not block", LESS},
              {"ns_inner_deadline", "one more that has a deadline", LESS},
              {"ns_lookup", "which deadline applies in there, a scope", LESS}},
     .limits = {{"limit: guarded run queue", "grow", "scopes", true}}},
    {.name = "growth-idle",
     .program = "grow_idle",
     .growth = true,
     .text = "as many tasks wait as there are timers armed for later; one second without work",
     .cases = SIZES("tasks and timers"),
     .keys = {{"us_idle", "processor time in that second", PLAIN, GOAL_AT(1000)},
              {"switches", "switches to other processes", PLAIN, GOAL_AT(3)}},
     .limits = {{"limit: guarded queue, wheel", "grow", "idle", true}}},
};

const int question_count = COUNT(questions);

const char *question_program(const question *q)
{
    return q->program ? q->program : q->name;
}

/* Sizes are numbers, or none: `bounded` is a case, too. */
long case_size(const one_case *c)
{
    char *end;
    long n = strtol(c->args, &end, 10);
    return *end || n < 0 ? 0 : n;
}

const question *question_find(const char *name)
{
    for (int i = 0; i < question_count; i++)
        if (strcmp(questions[i].name, name) == 0)
            return &questions[i];
    return NULL;
}

void questions_print(FILE *out)
{
    bool growth = false;
    for (int i = 0; i < question_count; i++) {
        if (questions[i].growth && !growth)
            fprintf(out, "  %-18s how the cost grows: all that follow\n", "growth");
        growth = questions[i].growth;
        fprintf(out, "  %-18s %s\n", questions[i].name, questions[i].text);
    }
}
