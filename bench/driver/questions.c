/* SPDX-License-Identifier: MIT
 *
 * questions.c - what is asked. One program a question; everything else about it stands here.
 *
 * A new question is a program bench/NAME.c, a place in this table, and, where somebody can answer
 * it, an answer in limits/ and peers/. The limit that counts is the one with `true`.
 */
#include "driver.h"
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

const question questions[] = {
    {.name = "switch",
     .text = "two tasks give way to one another",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_yield", "a yield", LESS}},
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
     .keys = {{"ns_per_round_trip", "a round trip", LESS},
              {"ns_per_future_round_trip", "a round trip with futures, reset each time", LESS}},
     .limits = TASK_LIMITS("pingpong")},
    {.name = "broadcast",
     .text = "one set wakes all who wait; all go on and end",
     .cases = {{"1 waiter", "1", ALWAYS},
               {"1,000 waiters", "1000", ALWAYS},
               {"100,000 waiters", "100000", QUICK},
               {"1,000,000 waiters", "1000000", FULL}},
     .keys = {{"ns_per_task", "set to all ended, a task", LESS},
              {"ns_in_set", "of which in the set itself, a task", LESS}},
     .limits = TASK_LIMITS("broadcast")},
    {.name = "spawn_end",
     .text = "tasks that end at once: one after another, and a million spawned before they run",
     .cases = {{"100,000 tasks", "100000", QUICK}, {"1,000,000 tasks", "1000000", FULL}},
     .keys = {{"ns_serial", "spawn one and join it", LESS},
              {"ns_batch_warm", "of a batch, warm", LESS},
              {"ns_batch_cold", "of a batch, the first in the process", LESS}},
     .limits = TASK_LIMITS("spawn_end")},
    {.name = "spawn_park",
     .text = "spawn tasks that wait, all alive at once, and what memory they take",
     .cases = {{"100,000 tasks", "100000", QUICK}, {"1,000,000 tasks", "1000000", FULL}},
     .keys = {{"ns_cold", "a task, on fresh memory", LESS},
              {"ns_warm", "a task, the second time", LESS},
              {"bytes_per_task", "memory a parked task, all counted", LESS},
              {"rss_per_task", "of which resident pages", LESS},
              {"tables_per_task", "of which page tables", LESS}},
     .limits = TASK_LIMITS("spawn_park")},
    {.name = "scope",
     .text = "a scope around a call that does not block: opened, the call, closed",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_call", "the call alone", LESS},
              {"ns_scope", "with a scope", LESS},
              {"ns_scope_deadline", "with a scope that has a deadline", LESS},
              {"ns_within", "with a deadline for this call (hark_within)", LESS}},
     .limits = TASK_LIMITS("scope")},
    {.name = "deadline",
     .text = "a deadline around a call that parks, and is over before it",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_round_trip", "a round trip, each wait under a deadline", LESS},
              {"ns_per_deadline", "what one deadline adds", LESS},
              {"ns_per_watch", "arm and cancel a timer without a task", LESS}},
     .limits = {{"limit: bare run queue, wheel", "bare", "deadline", false},
                {"limit: guarded queue, wheel", "guarded", "deadline", true},
                {"limit: wheel alone", "timers", "deadline", true}}},
    {.name = "sleep_many",
     .text = "sleepers whose deadlines are spread over one second: processor time a timer",
     .cases = {{"100,000 sleepers", "100000", QUICK}, {"1,000,000 sleepers", "1000000", FULL}},
     .keys = {{"ns_arm", "a task goes to sleep", LESS},
              {"ns_fire", "it wakes and ends", LESS},
              {"ns_arm_watch", "a timer without a task is armed", LESS},
              {"ns_fire_watch", "it fires", LESS},
              {"late_ms", "the last one's delay", PLAIN}},
     .limits = {{"limit: guarded queue, wheel", "guarded", "sleep_many", true},
                {"limit: wheel alone", "timers", "sleep_many", true}}},
    {.name = "lock",
     .text = "a lock that nobody else wants; then each who holds it hands it to the next",
     .cases = TAKING_TURNS,
     .keys = {{"ns_alone", "acquire and release", LESS},
              {"ns_per_hand_over", "a hand-over: release, queue again, the next one runs", LESS}},
     .limits = HAND_OVER_LIMITS("lock", "ns_per_hand_over")},
    {.name = "sem",
     .text = "a permit that nobody else wants; then each who has it hands it to the next",
     .cases = TAKING_TURNS,
     .keys = {{"ns_alone", "acquire and release", LESS},
              {"ns_per_hand_over", "a hand-over: release, queue again, the next one runs", LESS}},
     .limits = HAND_OVER_LIMITS("sem", "ns_per_hand_over")},
    {.name = "chan",
     .text = "items through a channel, in and out by one task alone, and from one to another",
     .cases = {{"no slot", "0", ALWAYS}, {"1 slot", "1", ALWAYS}, {"64 slots", "64", ALWAYS}},
     .keys = {{"ns_alone", "send and receive, one task alone", LESS},
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
     .keys = {{"ns_read", "a lock, to read: taken and released", LESS},
              {"ns_write", "a lock, to write: taken and released", LESS},
              {"ns_limiter", "a limiter: acquire and release", LESS},
              {"ns_once", "a once that is done", LESS},
              {"ns_count_down", "a latch: count down", LESS},
              {"ns_open_latch", "a latch that is open: wait", LESS},
              {"ns_broadcast", "a broadcast: send, and its only reader receives", LESS}},
     .limits = TASK_LIMITS("uncontended")},
    {.name = "echo",
     .text = "a TCP server echoes messages of 64 bytes, one on its way per connection",
     .server = true,
     .cases = {{"1 connection", "1", ALWAYS},
               {"64 connections", "64", ALWAYS},
               {"1,000 connections", "1000", ALWAYS}},
     .keys = {{"ns_cpu_per_message", "the server's processor time a message", LESS},
              {"messages_per_s", "messages a second", MORE},
              {"p50_us", "round trip, half are faster", LESS},
              {"p99_us", "round trip, 99 of 100 are faster", LESS},
              {"least_served", "the least served connection, of the mean", MORE}},
     .limits = {{"limit: raw epoll", "echo_epoll", "", true},
                {"limit: raw io_uring", "echo_uring", "", true},
                {"limit: raw io_uring, direct", "echo_uring", "direct", true}}},
    {.name = "thread",
     .text = "a call to another thread and its answer, both asleep",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_thread_call", "hark_thread_call", LESS},
              {"ns_thread_call_limit", "eventfd, epoll and a futex", PLAIN},
              {"ns_portal_call", "hark_portal_call, from a thread", LESS},
              {"ns_portal_call_limit", "the lesser of eventfd and futex", PLAIN}}},
    {.name = "post",
     .text = "callbacks posted to a loop by other threads",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_post_1", "one thread", LESS},
              {"ns_per_post_1_limit", "an atomic stack and an eventfd", PLAIN},
              {"ns_per_post_4", "four threads", LESS},
              {"ns_per_post_4_limit", "an atomic stack and an eventfd", PLAIN}}},
    {.name = "workers",
     .text = "two loops: items that cross, and a TCP echo on one and on two",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_per_item_met", "an item, no room: where two meet", LESS},
              {"ns_per_item_buffered", "an item, room for 64", LESS},
              {"answers_1_loop", "echo on one loop, answers a second", MORE},
              {"answers_2_loops", "echo on two loops, answers a second", MORE}}},
    {.name = "child",
     .text = "run /bin/true to its end",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_alone", "one after another", LESS},
              {"ns_bare_alone", "posix_spawn and waitpid", PLAIN},
              {"ns_beside", "eight at a time", LESS},
              {"ns_bare_beside", "posix_spawn and waitpid", PLAIN},
              {"ns_standing", "the loop stands still, a child", LESS}}},
    {.name = "file",
     .text = "read a file that is in memory, and open one",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_64k_hark", "64 KiB", LESS},
              {"ns_64k_plain", "pread", PLAIN},
              {"ns_64k_worker", "pread in a worker thread", PLAIN},
              {"ns_4k_hark", "4 KiB, anywhere", LESS},
              {"ns_4k_plain", "pread", PLAIN},
              {"ns_open_hark", "open, fstat, close", LESS},
              {"ns_open_plain", "the same, plainly", PLAIN}}},
    {.name = "udp",
     .text = "datagrams of 64 bytes over the loopback",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"ns_one_by_one", "one by one", LESS},
              {"limit_one_by_one", "sendto and recvfrom", PLAIN},
              {"ns_in_batches", "64 at a time", LESS},
              {"limit_in_batches", "sendmmsg and recvmmsg", PLAIN}}},
    {.name = "tls",
     .text = "TLS over a pair of sockets, both ends in one process",
     .cases = {{"", "", ALWAYS}},
     .keys = {{"handshake", "a full handshake, both ends", LESS},
              {"limit_handshake", "OpenSSL alone", PLAIN},
              {"throughput", "MiB a second, records of 16 KiB", MORE},
              {"limit_throughput", "OpenSSL alone", PLAIN}}},
};

const int question_count = COUNT(questions);

const question *question_find(const char *name)
{
    for (int i = 0; i < question_count; i++)
        if (strcmp(questions[i].name, name) == 0)
            return &questions[i];
    return NULL;
}

void questions_print(FILE *out)
{
    for (int i = 0; i < question_count; i++)
        fprintf(out, "  %-11s %s\n", questions[i].name, questions[i].text);
}
