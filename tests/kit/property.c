/* SPDX-License-Identifier: MIT
 *
 * property.c - plays random programs, and checks what must be true of every primitive.
 *
 * What is checked, beside what the explorer checks in every schedule (the audit after each step, no
 * task left waiting for what is there, no watch, descriptor or memory left behind):
 *
 *     order      who is served has nobody before him who still waits, unless that one was
 *                cancelled; a try counts as one who comes now, so it cannot barge either
 *     cancelled  a call in a cancelled scope says so; one that says so is in a cancelled scope; the
 *                scope turns its own cancellation, and no other, into a result; after it, calls are
 *                as free as before it
 *     resumed    a task that sleeps after a call sleeps its full time: nobody wakes it any more
 *     at rest    as many wait as the statistics say; no timer is armed; nothing runs meanwhile
 *     at the end nobody waits, no timer is armed, what was held is back
 *
 * Time     Pauses and deadlines are some virtual nanoseconds, so that the same program has many
 *          orders already by the plainest schedule: then the order's part of a failing trace can go,
 *          and what is left is the program.
 */
#include "property.h"

#include <stdarg.h>

#include "core/core.h"
#include "testing/testing.h"

#define FAR       1000
#define FAIL(...) hark_test_failed(__FILE__, __LINE__, __VA_ARGS__)

struct operation {
    int verb, pause, timeout, number; /* verb 0: nothing, then the driver's own, then the verbs */
};

/* An operation is asked for as these choices, in this order: of the players' operations in turn. */
enum { NOTHING, CANCEL_CALL, CANCEL_TASK, OWN_VERBS, PAUSES = 4, TIMEOUTS = 4, NUMBERS = 4 };
enum { CHOICES = 4, CHOICES_BEFORE = 1 };

static const int64_t pauses[PAUSES] = {0, 1, 2, 4}, timeouts[TIMEOUTS] = {HARK_FOREVER, 1, 3, 0};

static const struct property *property;
static struct operation program[PLAYERS][OPERATIONS];
static struct player players[PLAYERS];
static hark_group group;
static int tickets, at_home, verb_count;
static bool closing; /* the group was cancelled */

/* ---- the program ----------------------------------------------------------------------------- */

/* Returns the variant. The story tells the program, so it need not tell each choice. */
static int choose_program(void)
{
    const bool telling = hark__explorer.telling;
    const int variants = property->variants;

    hark__explorer.telling = false;
    const int variant = hark_test_choose(variants > 1 ? variants : 2) % variants;
    for (verb_count = 0; property->verbs[verb_count].name; verb_count++) {}
    for (int p = 0; p < PLAYERS; p++) {
        for (int i = 0; i < OPERATIONS; i++) {
            struct operation *operation = &program[p][i];
            operation->verb = hark_test_choose(OWN_VERBS + verb_count);
            operation->pause = hark_test_choose(PAUSES);
            operation->timeout = hark_test_choose(TIMEOUTS);
            operation->number = hark_test_choose(NUMBERS);
        }
    }
    hark__explorer.telling = telling;
    return variant;
}

static const char *name_of(const struct operation *operation)
{
    return operation->verb == CANCEL_CALL   ? "cancel the call of"
           : operation->verb == CANCEL_TASK ? "cancel"
           : operation->verb == NOTHING     ? "nothing"
                                            : property->verbs[operation->verb - OWN_VERBS].name;
}

static void tell_operation(int player, const struct operation *operation)
{
    char within[32] = "";

    if (operation->timeout) {
        snprintf(within, sizeof within, ", within %d ns", (int)timeouts[operation->timeout]);
    }
    hark_test_note("player %d: after %d ns: %s %d%s", player, (int)pauses[operation->pause],
                   name_of(operation), operation->number, within);
}

static void tell(int variant)
{
    hark_test_note("%s, variant %d", property->name, variant);
    for (int p = 0; p < PLAYERS; p++) {
        for (int i = 0; i < OPERATIONS; i++) {
            if (program[p][i].verb != NOTHING || program[p][i].pause) {
                tell_operation(p, &program[p][i]);
            }
        }
    }
}

int property_operations(const char *trace)
{
    const int most = CHOICES_BEFORE + PLAYERS * OPERATIONS * CHOICES;
    int count = 0;

    for (int i = CHOICES_BEFORE; i < most && i < (int)strlen(trace); i += CHOICES) {
        count += trace[i] != '0';
    }
    return count;
}

/* ---- one operation --------------------------------------------------------------------------- */

static bool is_cut(const struct player *p)
{
    return p->told || closing || (p->open && hark_scope_cancelled(&p->scope));
}

static bool is_parked(const struct player *p)
{
    return p->ticket && p->task->state == TASK_PARKED;
}

static void check_order(const struct player *me)
{
    for (const struct player *p = players; p < players + PLAYERS; p++) {
        if (is_parked(p) && p->ticket < me->ticket && (p->lines & me->lines) && !is_cut(p)) {
            FAIL("player %d waits, and player %d, who came later, is served", p->which, me->which);
        }
    }
}

/* What the call said, and what its scope made of it. */
static void check_scope(struct player *me, int rc, bool cut_before, bool cut_after)
{
    const bool outer = me->told || closing;
    const int64_t made = hark_scope_close(&me->scope, rc);

    me->open = false;
    if (hark_test_disturbed()) {
        return;
    }
    if (cut_before && me->waits && rc != -ECANCELED) {
        FAIL("player %d was cancelled before it called, and hears %d", me->which, rc);
    }
    if (rc == -ECANCELED && !cut_after) {
        FAIL("player %d hears -ECANCELED, and nobody has cancelled it", me->which);
    }
    if (rc == -ECANCELED && outer ? made != -ECANCELED
                                  : made != rc && (rc != -ECANCELED || (made && made != -ETIMEDOUT))) {
        FAIL("player %d: the scope has made %d of %d", me->which, (int)made, rc);
    }
    const bool now = me->told || closing;
    if (hark_checkpoint() != (now ? -ECANCELED : 0)) {
        FAIL("player %d: after its scope it is %scancelled", me->which, now ? "not " : "");
    }
}

static void call(struct player *me, const struct verb *verb, const struct operation *operation)
{
    MUST(hark_scope_open(&me->scope, timeouts[operation->timeout]) == 0);
    me->open = true;
    me->ticket = ++tickets;
    me->lines = verb->lines;
    me->waits = verb->waits;
    const bool cut_before = is_cut(me);
    const int rc = verb->call(me, operation->number);
    const bool cut_after = is_cut(me);
    if (rc >= 0) {
        check_order(me);
    }
    me->ticket = 0;
    if (rc == SKIPPED) {
        me->open = false;
        hark_scope_close(&me->scope, 0);
        return;
    }
    hark_test_note("player %d: %s %d: %d", me->which, verb->name, operation->number, rc);
    check_scope(me, rc, cut_before, cut_after);
}

static struct player *other(const struct player *me, int number)
{
    return &players[(me->which + number) % PLAYERS]; /* 0: itself */
}

static void act(struct player *me, const struct operation *operation)
{
    struct player *whom = other(me, operation->number);

    switch (operation->verb) {
    case NOTHING: break;
    case CANCEL_CALL:
        if (whom->open) {
            MUST(hark_scope_cancel(&whom->scope) == 0);
        }
        break;
    case CANCEL_TASK:
        if (!whom->home) {
            whom->told = true;
            MUST(hark_task_cancel(whom->id) == 0);
        }
        break;
    default: call(me, &property->verbs[operation->verb - OWN_VERBS], operation); break;
    }
}

static int pause_before(struct player *me, const struct operation *operation)
{
    const int64_t due = hark_now() + pauses[operation->pause];
    const int rc = operation->pause ? hark_sleep(pauses[operation->pause]) : 0;

    if (hark_test_disturbed()) {
        return rc;
    }
    if (rc == 0 ? hark_now() < due : rc != -ECANCELED || !(me->told || closing)) {
        FAIL("player %d sleeps until %lld, and is woken at %lld with %d", me->which, (long long)due,
             (long long)hark_now(), rc);
    }
    return rc;
}

static int play(void *arg)
{
    struct player *me = arg;
    int rc = 0;

    me->task = hark__here->running;
    for (int i = 0; i < OPERATIONS && rc == 0; i++) {
        rc = pause_before(me, &program[me->which][i]);
        if (rc == 0) {
            act(me, &program[me->which][i]);
        }
    }
    if (property->leave) {
        property->leave(me);
    }
    me->home = true;
    at_home++;
    return rc;
}

/* ---- at rest --------------------------------------------------------------------------------- */

static bool no_timer(void)
{
    return hark__wheel_next(&hark__here->wheel) == HARK_FOREVER;
}

static int parked(void)
{
    int count = 0;

    for (const struct player *p = players; p < players + PLAYERS; p++) {
        count += is_parked(p);
    }
    return count;
}

static bool nothing_moves(void)
{
    return at_home + parked() == PLAYERS && no_timer();
}

/* All who can go on have done so: the others wait, and have no deadline. */
static void come_to_rest(void)
{
    for (int i = 0; !nothing_moves(); i++) {
        MUST(i < FAR);
        MUST(hark_sleep(FAR) == 0 && hark_settle() == 0);
    }
}

static void check_rest(void)
{
    const int waiting = property->waiting();

    if (property->many ? waiting < parked() : waiting != parked()) {
        FAIL("%d wait, and the statistics say %d", parked(), waiting);
    }
    if (property->rest) {
        property->rest();
    }
    const uint32_t steps = hark__explorer.steps;
    MUST(hark_sleep(FAR) == 0);
    MUST(hark__explorer.steps - steps <= 3); /* main sleeps, time goes on, main wakes */
}

/* ---- the scenario ---------------------------------------------------------------------------- */

static void send_players_in(void)
{
    for (int p = 0; p < PLAYERS; p++) {
        players[p] = (struct player){.which = p, .last = -1, .home = true};
        const hark_task task = hark_go(&group, play, &players[p]);
        WANT(task > 0);
        at_home += task < 0;
        if (task > 0) {
            players[p].id = task;
            players[p].home = false;
        }
    }
}

static void begin_items(void);

int property_play(const struct property *given)
{
    property = given;
    tickets = at_home = 0;
    closing = false;
    begin_items();
    const int variant = choose_program();
    tell(variant);
    if (property->begin(variant)) {
        WANT(!"there is memory");
        return -ENOMEM;
    }
    MUST(hark_group_open(&group) == 0);
    send_players_in();
    if (!hark_test_disturbed()) {
        come_to_rest();
        check_rest();
    }
    closing = true;
    hark_group_cancel(&group);
    const int rc = hark_group_close(&group, 0);
    MUST(at_home == PLAYERS);
    MUST(property->waiting() == 0);
    property->end();
    MUST(no_timer());
    return rc;
}

/* ---- items ----------------------------------------------------------------------------------- */

enum { OFFERED = 1, SENT = 2, REFUSED = 4, GOT = 8 };

static struct {
    uint8_t states[ITEMS];
    int offered, dropped;
} items;

static void begin_items(void)
{
    memset(&items, 0, sizeof items);
}

int property_item_offered(void)
{
    if (items.offered == ITEMS) {
        return -1;
    }
    items.states[items.offered] = OFFERED;
    return items.offered++;
}

/* It may have been got by then. */
void property_item_sent(int item, int rc)
{
    items.states[item] |= rc == 0 ? SENT : REFUSED;
    if (rc && (items.states[item] & GOT)) {
        FAIL("item %d was got, and whoever sent it hears %d", item, rc);
    }
}

void property_item_got(struct player *me, int item, bool in_order)
{
    MUST(item >= 0 && item < items.offered);
    if (items.states[item] & GOT) {
        FAIL("item %d is got twice", item);
    }
    if (items.states[item] & REFUSED) {
        FAIL("item %d was not sent, and is got", item);
    }
    if (in_order && item < me->last) {
        FAIL("item %d comes after item %d", item, me->last);
    }
    items.states[item] |= GOT;
    me->last = item;
}

void property_items_dropped(int count)
{
    items.dropped += count;
}

void property_items_end(int left)
{
    int lost = -left - items.dropped;

    for (int i = 0; i < items.offered; i++) {
        lost += (items.states[i] & SENT) && !(items.states[i] & GOT);
    }
    if (lost) {
        FAIL("%d items are lost", lost);
    }
}
