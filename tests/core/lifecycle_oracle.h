/* SPDX-License-Identifier: MIT
 *
 * lifecycle_oracle.h - what must come out of each row of the lifecycle matrix.
 *
 * Idea     A row is one value of each of eight dimensions. Its scene (lifecycle_test.c) has a fixed
 *          timetable, so "which came first" is a comparison of two numbers, and what the contract
 *          promises is a handful of rules over them. They were written from the words of the
 *          contract (group.h, scope.h, future.h; CS, TG, ST and TO of tests/LEDGER.md), not from the code:
 *          nothing here walks a level or keeps a list.
 * Rules    1  The oracle sees the row and nothing of the run.
 *          2  What the contract leaves open is ANY (one place, which says why); what does not exist
 *             in a row is NONE, and must not exist.
 *          3  A combination that has no meaning is refused by a named rule (refused_by), and the
 *             rows of each rule are counted.
 * Not here The scenes, and comparing.
 */
#ifndef HARK_TESTS_LIFECYCLE_ORACLE_H
#define HARK_TESTS_LIFECYCLE_ORACLE_H

#include "kit.h"

/* ---- the dimensions: X(NAME, "words") -------------------------------------------------------- */

#define SPAWNS(X) \
    X(GO, "spawned by hark_go") \
    X(COPY, "by hark_go_copy, kept in its record") \
    X(COPY_LARGE, "by hark_go_copy, kept on its stack") \
    X(FUTURE, "by hark_go_future") \
    X(START_FIRST, "by hark_start, says started at once") \
    X(START_AFTER, "by hark_start, says started after its wait") \
    X(START_NEVER, "by hark_start, never says started")
#define OUTCOMES(X) \
    X(RETURNS_AT_ONCE, "returns 0 before any checkpoint") \
    X(FAILS_AT_ONCE, "fails before any checkpoint") \
    X(OBEYS, "waits and returns what the wait said") \
    X(POSITIVE, "waits and returns 7, or what cut it") \
    X(FAILS_AFTER, "waits and fails, or returns what cut it") \
    X(SWALLOWS, "waits and returns 0, cut or not") \
    X(OWN_FAILURE, "makes a failure of its own of a cut wait") \
    X(CLEANS, "cleans up in a shield when cut, then obeys") \
    X(AGAIN, "waits once more when cut, then obeys")
#define MOMENTS(X) \
    X(NEVER, "never cancelled") \
    X(BEFORE_SPAWN, "cancelled before it is spawned") \
    X(BEFORE_RUN, "before it first runs") \
    X(WHILE_RUNS, "by itself, before its wait") \
    X(PARKED, "while it is parked") \
    X(CANCEL_FIRST, "just before its wake-up, same turn") \
    X(WAKE_FIRST, "just after its wake-up, same turn") \
    X(READY, "by another while it is ready") \
    X(ENDED, "after its end")
#define SOURCES(X) \
    X(TASK, "by hark_task_cancel") \
    X(OWN, "by its own scope's cancel") \
    X(OWN_DEADLINE, "by its own scope's deadline") \
    X(GROUP, "by its group's cancel") \
    X(SIBLING, "by a failing sibling") \
    X(BODY, "by its group's failing body") \
    X(STARTER, "by the scope around hark_start") \
    X(MIDDLE, "by the scope between the groups") \
    X(OUTER_GROUP, "by the outer group's cancel") \
    X(UNCLE, "by a failing task of the outer group") \
    X(SCOPE, "by the outermost scope's cancel") \
    X(DEADLINE, "by the outermost scope's deadline") \
    X(OPENER, "by hark_task_cancel of the opener")
#define JOINS(X) \
    X(CLOSE_AT_ONCE, "the group is closed at once") \
    X(CLOSE_LATER, "the body waits for something else and closes") \
    X(OUTSIDE_NEW, "joined from outside before it runs") \
    X(OUTSIDE_PARKED, "joined from outside while it is parked") \
    X(OUTSIDE_ENDED, "joined from outside after its end") \
    X(BODY_NEW, "joined by the body before it runs") \
    X(BODY_ENDED, "joined by the body after its end")
#define NESTINGS(X) \
    X(DIRECT, "in a group") \
    X(IN_GROUP, "in a group in a group") \
    X(IN_SCOPE, "in a group in a scope in a group") \
    X(GRANDCHILD, "in a group of a task of a group")
#define SHIELDS(X) \
    X(OPEN, "no shield") \
    X(OWN_SHIELD, "its wait in a shield of its own") \
    X(GROUP_SHIELD, "its group in a shield")
#define SIBLINGS(X) \
    X(OBEYING, "a sibling that obeys") \
    X(SHIELDED, "a sibling in a shield") \
    X(LATE, "a sibling in a shield; in the end the outermost scope is cancelled too")

#define ROW_NAME(name, words)  name,
#define ROW_WORDS(name, words) words,
enum { SPAWNS(ROW_NAME) SPAWN_COUNT };
enum { OUTCOMES(ROW_NAME) OUTCOME_COUNT };
enum { MOMENTS(ROW_NAME) MOMENT_COUNT };
enum { SOURCES(ROW_NAME) SOURCE_COUNT };
enum { JOINS(ROW_NAME) JOIN_COUNT };
enum { NESTINGS(ROW_NAME) NESTING_COUNT };
enum { SHIELDS(ROW_NAME) SHIELD_COUNT };
enum { SIBLINGS(ROW_NAME) SIBLING_COUNT };

typedef struct row {
    int spawn, outcome, moment, source, join, nesting, shield, sibling;
} row;

static const int radix[] = {SPAWN_COUNT, OUTCOME_COUNT, MOMENT_COUNT, SOURCE_COUNT,
                            JOIN_COUNT,  NESTING_COUNT, SHIELD_COUNT, SIBLING_COUNT};
enum {
    DIMENSIONS = 8,
    ROWS_A_SPAWN = OUTCOME_COUNT * MOMENT_COUNT * SOURCE_COUNT * JOIN_COUNT * NESTING_COUNT *
                   SHIELD_COUNT * SIBLING_COUNT,
};

static row row_of(int number)
{
    int digits[DIMENSIONS];

    for (int i = DIMENSIONS - 1; i >= 0; i--) {
        digits[i] = number % radix[i];
        number /= radix[i];
    }
    return (row){digits[0], digits[1], digits[2], digits[3],
                 digits[4], digits[5], digits[6], digits[7]};
}

static void row_words(const row *r, char *text, size_t size)
{
    static const char *const spawns[] = {SPAWNS(ROW_WORDS)};
    static const char *const outcomes[] = {OUTCOMES(ROW_WORDS)};
    static const char *const moments[] = {MOMENTS(ROW_WORDS)};
    static const char *const sources[] = {SOURCES(ROW_WORDS)};
    static const char *const joins[] = {JOINS(ROW_WORDS)};
    static const char *const nestings[] = {NESTINGS(ROW_WORDS)};
    static const char *const shields[] = {SHIELDS(ROW_WORDS)};
    static const char *const siblings[] = {SIBLINGS(ROW_WORDS)};

    snprintf(text, size, "%s; %s; %s%s%s; %s; %s; %s; %s", spawns[r->spawn], outcomes[r->outcome],
             moments[r->moment], r->moment == NEVER ? "" : ", ",
             r->moment == NEVER ? "" : sources[r->source], joins[r->join], nestings[r->nesting],
             shields[r->shield], siblings[r->sibling]);
}

/* ---- what a row is --------------------------------------------------------------------------- */

static bool starts(const row *r)
{
    return r->spawn >= START_FIRST;
}

static bool waits(const row *r)
{
    return r->outcome >= OBEYS;
}

static bool own_source(const row *r)
{
    return r->source == OWN || r->source == OWN_DEADLINE;
}

/* The cancellation is a failure of another task, or of the group's body. */
static bool failing_source(const row *r)
{
    return r->source == SIBLING || r->source == UNCLE || r->source == BODY;
}

static bool body_joins(const row *r)
{
    return r->join == BODY_NEW || r->join == BODY_ENDED;
}

/* Why a combination is no row; the first that applies. */
#define REFUSALS(X) \
    X(ONE_IS_ENOUGH, "never cancelled: the source does not matter") \
    X(NO_SUCH_PLACE, "the nesting has no such group or scope") \
    X(NO_STARTER, "not spawned by hark_start: there is no scope around it") \
    X(NOT_YET, "nothing to cancel by: the task or its scope is not there yet, or is unknown") \
    X(NO_WAIT, "it ends before any checkpoint: it is never parked or woken") \
    X(NOT_BY_ITSELF, "a task cannot make another one fail between two of its own lines") \
    X(BODY_IS_BUSY, "the body cannot fail and join, or close, at other moments") \
    X(TWICE, "in the end cancelled from outermost too, which it was from the beginning") \
    X(ID_UNKNOWN, "hark_start has not returned: nobody knows whom to join")
enum { REFUSALS(ROW_NAME) REFUSAL_COUNT };

static bool place_is_missing(const row *r)
{
    return (r->source == MIDDLE && r->nesting != IN_SCOPE) ||
           ((r->source == OUTER_GROUP || r->source == UNCLE) && r->nesting == DIRECT);
}

static bool source_is_early(const row *r)
{
    const bool before_run = r->moment == BEFORE_SPAWN || r->moment == BEFORE_RUN;

    return (own_source(r) && (before_run || !waits(r))) ||
           (r->source == TASK && r->moment == BEFORE_SPAWN) ||
           (r->source == TASK && r->moment == BEFORE_RUN && starts(r)) ||
           (r->source == BODY && r->moment == BEFORE_SPAWN);
}

static bool body_is_busy(const row *r)
{
    return r->source == BODY && r->moment != NEVER &&
           (body_joins(r) || r->join == CLOSE_LATER ||
            (r->join == CLOSE_AT_ONCE && r->moment != BEFORE_RUN));
}

static int refused_by(const row *r)
{
    if (r->moment == NEVER) {
        if (r->source != 0) {
            return ONE_IS_ENOUGH;
        }
    } else if (place_is_missing(r)) {
        return NO_SUCH_PLACE;
    } else if (r->source == STARTER && !starts(r)) {
        return NO_STARTER;
    } else if (source_is_early(r)) {
        return NOT_YET;
    } else if (!waits(r) && r->moment >= PARKED && r->moment <= READY) {
        return NO_WAIT;
    } else if (failing_source(r) && r->moment == WHILE_RUNS) {
        return NOT_BY_ITSELF;
    } else if (body_is_busy(r)) {
        return BODY_IS_BUSY;
    } else if (r->sibling == LATE && r->source >= SCOPE) {
        return TWICE;
    }
    if (starts(r) && (r->join == OUTSIDE_NEW || r->join == BODY_NEW)) {
        return ID_UNKNOWN;
    }
    return REFUSAL_COUNT;
}

/* Does the oracle hold in every order of the ready tasks? Not where the row's moment is a place in
 * the queue: between a spawn or a wake-up and the step that follows it. */
static bool any_order(const row *r)
{
    return r->moment != READY && r->join != OUTSIDE_NEW &&
           !(r->moment == BEFORE_RUN && (starts(r) || failing_source(r))) &&
           !(r->moment == CANCEL_FIRST && failing_source(r));
}

/* ---- what is observed: X(field, "words") ----------------------------------------------------- */

#define SIGHTS(X) \
    X(ran, "its body ran") \
    X(wait, "its wait") \
    X(again, "its second wait") \
    X(cleaned, "its wait in the shield of the cleaning") \
    X(inner, "a checkpoint at the end of its own scope") \
    X(own_caught, "its own scope caught") \
    X(outer, "a checkpoint at its end") \
    X(result, "its result") \
    X(said, "hark_started") \
    X(struck, "the call that cancels") \
    X(joined, "the join") \
    X(sibling, "the sibling's wait") \
    X(started, "hark_start (1: an id)") \
    X(value, "the value of hark_start") \
    X(starter_caught, "the scope around hark_start caught") \
    X(future, "the future") \
    X(group, "hark_group_close") \
    X(failures, "failures of the group") \
    X(first, "the first failure's code") \
    X(second, "the second failure's code") \
    X(middle, "hark_scope_close between the groups") \
    X(outer_group, "hark_group_close of the outer group") \
    X(outer_failures, "failures of the outer group") \
    X(scope, "hark_scope_close outermost") \
    X(scope_cancelled, "the outermost scope was cancelled") \
    X(scope_caught, "the outermost scope caught") \
    X(stage, "hark_group_close around it all") \
    X(gone, "hark_task_wait at the end")

enum { NONE = 100000, ANY };
#define SIGHT_FIELD(field, words) int field;
typedef struct sights {
    SIGHTS(SIGHT_FIELD)
} sights;
enum { SIGHT_COUNT = sizeof(sights) / sizeof(int) };

enum { FAILURE = -EIO, OTHERS_FAILURE = -EPIPE, OWN_WAY = -EPROTO, GIFT = 7, READY_VALUE = 5 };

/* ---- the timetable --------------------------------------------------------------------------- */

enum {
    T_NEW = 25,   /* spawned, has not run */
    T_RUNS = 30,  /* its first step */
    T_SELF = 31,  /* ... where it may cancel itself */
    T_WAITS = 32, /* ... and waits, or ends */
    T_PARKED = 40,
    T_CUT = 50,
    T_GATE = 55, /* what it waits for happens */
    T_READY = 60,
    T_GOES_ON = 65,
    T_CLEAN = 80, /* what the cleaning waits for happens */
    T_ENDED = 100,
    T_LATE = 105, /* the outermost scope is cancelled, if that is still to come */
    T_JOIN = 110,
    T_CLOSE = 120, /* the sibling and the body may go */
    T_NEVER = 1000,
};

static int time_of(int moment)
{
    static const int times[] = {T_NEVER, 0,       T_NEW,   T_SELF, T_PARKED,
                                T_CUT,   T_READY, T_READY, T_ENDED};
    return times[moment];
}

static int sooner(int a, int b)
{
    return a < b ? a : b;
}

static int later(int a, int b)
{
    return a > b ? a : b;
}

/* What the rules below hand on to one another. */
typedef struct course {
    const row *r;
    int at;           /* of the cancellation */
    int end;          /* of the child */
    bool pending;     /* the child never became the group's: its start was not completed */
    bool counts;      /* its failure is its group's */
    int group_cut;    /* when its group's inside was first cancelled, by whatever */
    int body;         /* the result that the body hands to hark_group_close */
    int body_done;    /* when it does */
    int group_closed; /* when its group was empty */
    int outer_closed; /* when the outer group was */
} course;

/* ---- rules: the child ------------------------------------------------------------------------ */

/* Does the source stand outside the shield around the group? */
static bool shield_stops(const row *r)
{
    if (r->shield != GROUP_SHIELD) {
        return false;
    }
    if (r->source >= SCOPE) {
        return true;
    }
    /* X { shield { G { H } } }, but G { shield { H } } elsewhere. */
    return (r->source == OUTER_GROUP || r->source == UNCLE) && r->nesting != IN_GROUP;
}

/* Does the cancellation reach what is inside the child's group? */
static bool reaches_group(const row *r)
{
    return r->moment != NEVER && r->source >= GROUP && r->source != STARTER && !shield_stops(r);
}

/* "Until then the child belongs to the caller": the scope around hark_start reaches the child that
 * has not said started; saying so in a cancelled scope moves nothing (ST-06). */
static bool starter_reaches(const row *r)
{
    const int says = r->spawn == START_FIRST   ? T_RUNS
                     : r->spawn != START_AFTER ? T_NEVER
                     : waits(r)                ? T_GOES_ON
                                               : T_WAITS;
    return r->moment != NEVER && r->source == STARTER && time_of(r->moment) < says;
}

/* ... and the outermost scope's, in the end? */
static bool late_reaches_group(const row *r)
{
    return r->sibling == LATE && r->shield != GROUP_SHIELD;
}

/* Does it reach the child's body, once it has left a scope of its own? */
static bool reaches_child(const row *r)
{
    return r->moment != NEVER && (r->source == TASK || starter_reaches(r) || reaches_group(r));
}

/* ... and its wait, inside? */
static bool reaches_wait(const row *r)
{
    if (r->moment != NEVER && own_source(r)) {
        return true;
    }
    return r->shield != OWN_SHIELD && reaches_child(r);
}

/* What its body makes of the wait. */
static int reaction(const row *r, int wait)
{
    switch (r->outcome) {
    case RETURNS_AT_ONCE: return 0;
    case FAILS_AT_ONCE: return FAILURE;
    case POSITIVE: return wait < 0 ? wait : GIFT;
    case FAILS_AFTER: return wait < 0 ? wait : FAILURE;
    case SWALLOWS: return 0;
    case OWN_FAILURE: return wait < 0 ? OWN_WAY : 0;
    default: return wait;
    }
}

/* "If it was already waiting, whichever came first wins"; what came second shows at the next
 * checkpoint, and level by level as the scopes are left. */
static void expect_child(course *c, sights *s)
{
    const row *r = c->r;
    const bool cut = waits(r) && reaches_wait(r) && c->at < T_GATE;

    s->ran = 1;
    s->result = reaction(r, cut ? -ECANCELED : 0);
    c->end = !waits(r) ? T_WAITS : !cut ? T_GOES_ON : later(T_RUNS, c->at) + 3;
    if (!waits(r)) {
        return;
    }
    s->wait = cut ? -ECANCELED : 0;
    if (cut && r->outcome == AGAIN) {
        s->again = -ECANCELED;
    }
    if (cut && r->outcome == CLEANS) {
        s->cleaned = 0;
        c->end = T_CLEAN;
    }
    s->inner = reaches_wait(r) && c->at < c->end ? -ECANCELED : 0;
    s->outer = reaches_child(r) && c->at < c->end ? -ECANCELED : 0;
    if (r->shield == OWN_SHIELD || own_source(r)) {
        s->own_caught = own_source(r) && cut && s->result == -ECANCELED;
        if (s->own_caught) {
            s->result = r->source == OWN ? 0 : -ETIMEDOUT;
        }
    }
}

static bool is_failure(int result)
{
    return result < 0 && result != -ECANCELED;
}

/* hark_start: the id once the child is ready; its failure; -EINVAL when it ended without saying so;
 * -ECANCELED only when the caller's own scopes did it. A child that said so too late and ended well
 * was started after all; whether its value arrives is open: ST-06 discards it, hark_start promises
 * "the value that it passed". */
static void expect_start(course *c, sights *s)
{
    const row *r = c->r;
    const bool says =
        r->spawn == START_FIRST || (r->spawn == START_AFTER && (!waits(r) || s->wait == 0));

    if (!starts(r)) {
        return;
    }
    c->pending = !says || starter_reaches(r);
    s->said = says ? 0 : NONE;
    s->started = !c->pending             ? 1
                 : is_failure(s->result) ? s->result
                 : s->result >= 0        ? (says ? 1 : -EINVAL)
                 : starter_reaches(r)    ? -ECANCELED
                                         : -EINVAL;
    s->value = !c->pending ? READY_VALUE : s->started == 1 ? READY_VALUE : 0;
    s->starter_caught = s->started == -ECANCELED;
}

static int future_result(int result)
{
    return result == -ECANCELED ? -EOWNERDEAD : result;
}

/* ---- rules: its group ------------------------------------------------------------------------ */

/* The inside of the group is cancelled by the row's cancellation, by the child's own failure, or in
 * the end from outermost, whichever comes first. */
static void expect_sibling(course *c, sights *s)
{
    c->counts = is_failure(s->result) && c->r->spawn != FUTURE && !c->pending;
    c->group_cut = sooner(reaches_group(c->r) ? c->at : T_NEVER, c->counts ? c->end : T_NEVER);
    c->group_cut = sooner(c->group_cut, late_reaches_group(c->r) ? T_LATE : T_NEVER);
    s->sibling = c->r->sibling == OBEYING && c->group_cut < T_CLOSE ? -ECANCELED : 0;
}

/* What joining gives: of the task, or of its future. */
static int join_result(const course *c, const sights *s, int when)
{
    if (c->r->spawn == FUTURE) {
        return future_result(s->result);
    }
    return c->end < when ? -ESRCH : 0;
}

/* From outside nothing cuts the wait; in the body the group's cancellation does. The contract does
 * not say which comes first when the child's own failure is that cancellation. */
static void expect_join(course *c, sights *s)
{
    const row *r = c->r;
    const int when = r->join == OUTSIDE_NEW || r->join == BODY_NEW ? T_NEW
                     : r->join == OUTSIDE_PARKED                   ? T_PARKED - 1
                                                                   : T_JOIN;
    if (r->join >= OUTSIDE_NEW) {
        s->joined = join_result(c, s, when);
    }
    if (body_joins(r) && c->group_cut < later(when, c->end)) {
        s->joined = -ECANCELED;
    } else if (r->join == BODY_NEW && c->group_cut == c->end) {
        s->joined = ANY;
    }
}

static void expect_body(course *c, const sights *s)
{
    const row *r = c->r;

    c->body = 0;
    c->body_done = T_NEW;
    if (r->join == CLOSE_LATER) {
        c->body = c->group_cut < T_CLOSE ? -ECANCELED : 0;
        c->body_done = sooner(c->group_cut, T_CLOSE);
    } else if (body_joins(r)) {
        c->body = s->joined == -ECANCELED ? -ECANCELED : 0;
        c->body_done = r->join == BODY_ENDED ? T_JOIN : sooner(c->group_cut, c->end);
    }
    if (r->source == BODY && r->moment != NEVER) {
        c->body = OTHERS_FAILURE;
        c->body_done = c->at;
    }
}

/* "The first failure; else -ECANCELED when a scope around the group cut the body or a child short;
 * else 0 when hark_group_cancel did and rc is -ECANCELED; else rc." Of several cancellations it is
 * as with scopes: the outermost one catches. */
static int close_result(int first_failure, bool cut_from_outside, bool cancelled, int rc)
{
    if (first_failure < 0) {
        return first_failure;
    }
    if (cut_from_outside) {
        return -ECANCELED;
    }
    return cancelled && rc == -ECANCELED ? 0 : rc;
}

/* Was the group cancelled from outside, and the body or a child of its own cut short? A task that
 * hark_task_cancel ended was cut by nobody else, and a start that was pending had no child here. */
static bool cut_from_outside(const course *c, const sights *s)
{
    const row *r = c->r;
    const bool child = s->result == -ECANCELED && !c->pending && r->source != TASK;
    const bool reached = (reaches_group(r) && r->source > STARTER && c->at <= c->group_closed) ||
                         late_reaches_group(r);

    return reached && (child || c->body == -ECANCELED || s->sibling == -ECANCELED);
}

static void expect_group(course *c, sights *s)
{
    const row *r = c->r;
    const bool struck = r->moment != NEVER;
    const bool by_other = struck && (r->source == SIBLING || r->source == BODY);
    const bool child_first = c->counts && (!by_other || c->end < c->at);
    const int sibling_end = r->sibling == OBEYING ? sooner(c->group_cut, T_CLOSE) : T_CLOSE;

    c->group_closed = later(later(c->end, c->body_done), sibling_end);
    if (struck && r->source == SIBLING) {
        c->group_closed = later(c->group_closed, c->at);
    }
    s->failures = c->counts + by_other;
    s->first = child_first ? s->result : by_other ? OTHERS_FAILURE : NONE;
    s->second = !(c->counts && by_other) ? NONE : child_first ? OTHERS_FAILURE : s->result;
    s->group = close_result(s->first == NONE ? 0 : s->first, cut_from_outside(c, s),
                            struck && r->source == GROUP && c->at <= c->group_closed, c->body);
}

/* ---- rules: further out ---------------------------------------------------------------------- */

/* A scope turns the -ECANCELED that it caused into 0 or -ETIMEDOUT; all else passes. */
static void expect_outer_group(course *c, sights *s)
{
    const row *r = c->r;
    const bool uncle = r->moment != NEVER && r->source == UNCLE;
    int inside = s->group;

    c->outer_closed = c->group_closed;
    if (r->nesting == DIRECT) {
        s->outer_group = inside;
        return;
    }
    if (r->nesting == IN_SCOPE) {
        if (inside == -ECANCELED && r->source == MIDDLE && !late_reaches_group(r)) {
            inside = 0;
        }
        s->middle = inside;
    }
    if (uncle) {
        c->outer_closed = later(c->outer_closed, c->at);
    }
    const bool fails = is_failure(inside);
    const int first = uncle && (!fails || c->at <= c->group_closed) ? OTHERS_FAILURE
                      : fails                                       ? inside
                                                                    : 0;
    const bool from_outside = late_reaches_group(r) ||
                              (reaches_group(r) && r->source >= SCOPE && c->at <= c->outer_closed);
    s->outer_failures = fails + uncle;
    s->outer_group = close_result(first, from_outside && inside == -ECANCELED,
                                  r->source == OUTER_GROUP, r->nesting == GRANDCHILD ? 0 : inside);
}

static void expect_scope(course *c, sights *s)
{
    const row *r = c->r;
    const bool mine = r->source == SCOPE || r->source == DEADLINE;

    s->scope = s->outer_group;
    s->scope_cancelled =
        r->sibling == LATE || (mine && r->moment != NEVER && c->at <= c->outer_closed);
    s->scope_caught = s->scope_cancelled && s->scope == -ECANCELED;
    if (s->scope_caught) {
        s->scope = r->source == DEADLINE ? -ETIMEDOUT : 0;
    }
    if (r->nesting == DIRECT) {
        s->outer_group = NONE;
    }
}

/* Cancelling what is closed, or gone, is refused. */
static void expect_strike(const course *c, sights *s)
{
    const row *r = c->r;
    int open_until = c->outer_closed;

    if (r->moment == NEVER || failing_source(r)) {
        return;
    }
    if (r->source == TASK || own_source(r)) {
        open_until = c->end;
    } else if (r->source == GROUP) {
        open_until = c->group_closed;
    } else if (r->source == MIDDLE) {
        open_until = c->group_closed;
    } else if (r->source == STARTER) {
        open_until = r->spawn == START_FIRST && !c->pending ? T_WAITS : c->end;
    }
    const bool task = r->source == TASK || r->source == OPENER;
    s->struck = c->at <= open_until ? 0 : task ? -ESRCH : -EINVAL;
}

static sights expected(const row *r)
{
    course c = {.r = r, .at = time_of(r->moment)};
    sights s;

    for (int i = 0; i < SIGHT_COUNT; i++) {
        ((int *)&s)[i] = NONE;
    }
    expect_child(&c, &s);
    expect_start(&c, &s);
    if (r->spawn == FUTURE) {
        s.future = future_result(s.result);
    }
    expect_sibling(&c, &s);
    expect_join(&c, &s);
    expect_body(&c, &s);
    expect_group(&c, &s);
    expect_outer_group(&c, &s);
    expect_scope(&c, &s);
    expect_strike(&c, &s);
    s.stage = 0;
    s.gone = -ESRCH;
    return s;
}

#endif
