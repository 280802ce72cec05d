/* SPDX-License-Identifier: MIT
 *
 * name_scene.h - a resolver that answers what a test has written down, when it has written down.
 *
 * Idea     A plan is a line of text: "6 0ms 2001:db8::1; 6 0ms .; 4 10ms 192.0.2.1; 4 10ms ENOENT":
 *          family, when after the question, and an address, "." (that was all) or a failure.
 */
#ifndef HARK_TESTS_NAME_SCENE_H
#define HARK_TESTS_NAME_SCENE_H

#include "wire.h"

#include <hark/name.h>

enum { PLAN_LINES = 16 };

static struct plan {
    hark_resolver resolver; /* first */
    const char *text;
    hark_lookup *lookup;
    struct plan_line {
        hark_watch timer;
        struct plan *plan;
        int family, code;
        bool is_end;
        struct sockaddr_storage address;
    } lines[PLAN_LINES];
    int count, asked, forgotten;
    char host[300];
    int family;
} plan __attribute__((unused));

SCENE_MAYBE socklen_t read_address(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return sizeof *v4;
    }
    CHECK_EQ(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    v6->sin6_family = AF_INET6;
    return sizeof *v6;
}

SCENE_MAYBE void plan_line_is_due(void *arg)
{
    struct plan_line *line = arg;
    hark_lookup *lookup = line->plan->lookup;
    CHECK(lookup != NULL);
    if (line->is_end) {
        hark_lookup_end(lookup, line->family, line->code, "planned");
    } else {
        hark_lookup_found(lookup, (struct sockaddr *)&line->address);
    }
}

SCENE_MAYBE int plan_ask(hark_resolver *resolver, hark_lookup *lookup, const char *host, int family)
{
    struct plan *p = (struct plan *)resolver;
    char text[512], *rest = NULL;
    p->asked++;
    p->lookup = lookup;
    p->family = family;
    snprintf(p->host, sizeof p->host, "%s", host);
    snprintf(text, sizeof text, "%s", p->text);
    p->count = 0;
    for (char *at = strtok_r(text, ";", &rest); at; at = strtok_r(NULL, ";", &rest)) {
        struct plan_line *line = &p->lines[p->count++];
        char what[64];
        int number, ms;
        CHECK_EQ(sscanf(at, " %d %dms %63s", &number, &ms, what), 3);
        *line = (struct plan_line){.plan = p, .family = number == 6 ? AF_INET6 : AF_INET};
        line->is_end = !strchr(what + 1, '.') && !strchr(what, ':');
        line->code = strcmp(what, "ENOENT") == 0      ? -ENOENT
                     : strcmp(what, "EHOSTDOWN") == 0 ? -EHOSTDOWN
                     : strcmp(what, "EREMOTEIO") == 0 ? -EREMOTEIO
                                                      : 0;
        if (!line->is_end) {
            read_address(what, &line->address);
        }
        if (ms == 0) {
            plan_line_is_due(line);
        } else {
            CHECK_EQ(hark_call_later(HARK_MS(ms), &line->timer, plan_line_is_due, line), 0);
        }
    }
    return 0;
}

SCENE_MAYBE void plan_forget(hark_resolver *resolver, hark_lookup *lookup)
{
    struct plan *p = (struct plan *)resolver;
    CHECK_PTR(lookup, p->lookup);
    p->forgotten++;
    p->lookup = NULL;
    for (int i = 0; i < p->count; i++) {
        hark_unwatch(&p->lines[i].timer);
    }
}

SCENE_MAYBE void plan_for(const char *text)
{
    plan.text = text;
    plan.resolver = (hark_resolver){.what = "the plan", .ask = plan_ask, .forget = plan_forget};
    CHECK_EQ(hark_resolver_use(&plan.resolver), 0);
}

#endif
