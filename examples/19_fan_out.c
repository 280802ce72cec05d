/* SPDX-License-Identifier: MIT
 *
 * 19_fan_out - one question goes out to six servers, three at a time, and six answers come back.
 * hark_map calls a function for each item of an array, in tasks of their own, and waits for all.
 * The results are in the order of the items, whoever was faster; a failure is in its place among
 * them, and stops nobody. Each call has a deadline, and so have all of them together.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

#define SERVERS 6

struct server {
    const char *name;
    int64_t slowness;
    int answer;
};

static int ask(struct server *s)
{
    int rc = hark_sleep(s->slowness); /* stands for question and answer */
    return rc < 0 ? rc : s->answer;
}

static int ask_in_time(void *server)
{
    return (int)hark_within(HARK_MS(100), ask(server));
}

static int first_task(void *arg)
{
    struct server *servers = arg;
    int answers[SERVERS], sum = 0;
    int rc = (int)hark_within(HARK_S(1),
                              hark_map(3, ask_in_time, servers, sizeof *servers, SERVERS, answers));
    for (int i = 0; rc == 0 && i < SERVERS; i++) {
        printf("%s: %s\n", servers[i].name, answers[i] < 0 ? strerror(-answers[i]) : "answers");
        sum += answers[i] < 0 ? 0 : answers[i];
    }
    printf("after %d ms: %s, the sum is %d\n", (int)(hark_now() / HARK_MS(1)), strerror(-rc), sum);
    return rc;
}

int main(void)
{
    struct server servers[SERVERS] = {
        {"anna", HARK_MS(30), 10},  {"bert", HARK_MS(10), 20}, {"carl", HARK_MS(20), -ECONNREFUSED},
        {"dora", HARK_MS(500), 40}, {"emil", HARK_MS(50), 50}, {"fritz", HARK_MS(5), 60},
    };
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, servers) < 0;
}
