/* SPDX-License-Identifier: MIT
 *
 * inbox_order_test.c - src/core/inbox.c itself, under every order of its atomic steps, and along
 * the schedules of its model.
 *
 * Idea     The file is compiled a second time, here, with its atomic operations turned into steps:
 *          a fiber that is about to make one gives way, and the driver decides who goes on. The
 *          loop is a fiber, so is each poster, and the eventfd is a number. One schedule after
 *          another is run from the beginning, until all have been.
 *          The model (tests/spin/inbox.pml) has the same steps. So the C code must have as many
 *          schedules as the model, follow each of the model's with the same values, and come to the
 *          same end as the model when both have the same mistake planted.
 * Rules    1  One total order of steps is all that can happen as long as every step is seq_cst: any
 *             other order in the C code ends the test. What would happen then is the model's
 *             business, except for one case (UNORDERED).
 *          2  The loop here is poll_hub of src/core/loop.c, without timers. That the real one keeps
 *             to that order is seen from its system calls, in the last test.
 */
#include "../fiber/fibers.h"

#include "core/core.h"

/* ---- inbox.c, stepped ------------------------------------------------------------------------ */

enum step { NOTHING, STORE, LOOK, LOAD, PUSH, SEE, CLEAR, WRITE, POLL, READ, TAKE, FLUSH, STEPS };

static const char *const step_names[STEPS] = {"nothing", "store", "look", "load", "push", "see",
                                              "clear",   "write", "poll", "read", "take", "flush"};

typedef _Atomic(hark_watch *) posted_place;

static void before(enum step step);
static void after(int value);
static int number_of(const hark_watch *watch);
static bool is_loop(void);
static void store_asleep(atomic_int *at, int value);

static hark_watch *load_posted(posted_place *at)
{
    before(is_loop() ? LOOK : LOAD);
    hark_watch *newest = atomic_load(at);
    after(number_of(newest));
    return newest;
}

static int see_asleep(atomic_int *at)
{
    before(SEE);
    int asleep = atomic_load(at);
    after(asleep);
    return asleep;
}

/* The gate's: not a step here. */
static int load_inside(const atomic_int *at)
{
    return atomic_load(at);
}

static hark_watch *take_posted(posted_place *at, hark_watch *value)
{
    before(TAKE);
    hark_watch *newest = atomic_exchange(at, value);
    after(number_of(newest));
    return newest;
}

static bool push_posted(posted_place *at, hark_watch **expected, hark_watch *value)
{
    before(PUSH);
    bool pushed = atomic_compare_exchange_strong(at, expected, value);
    after(pushed);
    return pushed;
}

static int clear_asleep(atomic_int *at, int value)
{
    before(CLEAR);
    int was = atomic_exchange(at, value);
    after(was);
    return was;
}

static void put_asleep(atomic_int *at, int value)
{
    atomic_store(at, value);
}

#define OURS __attribute__((unused)) static

OURS int strong(int order)
{
    CHECK_EQ(order, memory_order_seq_cst);
    return 0;
}

#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_compare_exchange_weak
#undef atomic_compare_exchange_strong
#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_weak_explicit
#define atomic_load(place) \
    _Generic((place), const atomic_int * : load_inside, atomic_int * : see_asleep, \
             posted_place * : load_posted)(place)
#define atomic_store(place, value) store_asleep(place, value)
#define atomic_exchange(place, value) \
    _Generic((place), atomic_int * : clear_asleep, posted_place * : take_posted)(place, value)
#define atomic_compare_exchange_weak(place, expected, value)   push_posted(place, expected, value)
#define atomic_compare_exchange_strong(place, expected, value) push_posted(place, expected, value)
#define atomic_load_explicit(place, order)                     (strong(order), atomic_load(place))

#define atomic_store_explicit(place, value, order) (strong(order), store_asleep(place, value))

#define atomic_exchange_explicit(place, value, order) (strong(order), atomic_exchange(place, value))

#define atomic_compare_exchange_weak_explicit(place, expected, value, order, other) \
    (strong(order), strong(other), push_posted(place, expected, value))

/* Its functions are ours alone here: a definition is static when a declaration before it was. */
#define hark__inbox_abandon    stepped_abandon
#define hark__inbox_open       stepped_open
#define hark__inbox_close      stepped_close
#define hark__inbox_post       stepped_post
#define hark__inbox_drain      stepped_drain
#define hark__inbox_any        stepped_any
#define hark__inbox_sleep      stepped_sleep
#define hark__inbox_awake      stepped_awake
#define hark__inbox_enter      stepped_enter
#define hark__inbox_free       stepped_free
#define hark__inbox_is_entered stepped_is_entered
#define hark__inbox_leave      stepped_leave
#define hark__inbox_offer      stepped_offer
#define hark__inbox_shut       stepped_shut
#define hark__inbox_ring       stepped_ring
#define hark__inbox_take_back  stepped_take_back
#define hark__inbox_wake       stepped_wake
#define hark__inbox_report     stepped_report
OURS void stepped_abandon(hark_loop *loop);
OURS int stepped_open(hark_loop *loop);
OURS void stepped_close(hark_loop *loop);
OURS void stepped_post(struct hark__inbox *inbox, hark_watch *watch);
OURS bool stepped_drain(hark_loop *loop);
OURS bool stepped_any(const hark_loop *loop);
OURS bool stepped_sleep(hark_loop *loop);
OURS void stepped_awake(hark_loop *loop);
OURS void stepped_enter(struct hark__inbox *inbox);
OURS void stepped_free(hark_loop *loop);
OURS bool stepped_is_entered(const struct hark__inbox *inbox);
OURS void stepped_leave(struct hark__inbox *inbox);
OURS int stepped_offer(struct hark__inbox *inbox, hark_watch *watch);
OURS void stepped_shut(struct hark__inbox *inbox);
OURS void stepped_ring(struct hark__inbox *inbox);
OURS void stepped_take_back(hark_loop *loop, hark_watch *watch);
OURS void stepped_wake(struct hark__inbox *inbox);
OURS bool stepped_report(hark_loop *loop, uint64_t token);
#include "../../src/core/inbox.c"
#undef hark__inbox_abandon
#undef hark__inbox_open
#undef hark__inbox_close
#undef hark__inbox_post
#undef hark__inbox_drain
#undef hark__inbox_any
#undef hark__inbox_sleep
#undef hark__inbox_awake
#undef hark__inbox_enter
#undef hark__inbox_free
#undef hark__inbox_is_entered
#undef hark__inbox_leave
#undef hark__inbox_offer
#undef hark__inbox_shut
#undef hark__inbox_ring
#undef hark__inbox_take_back
#undef hark__inbox_wake
#undef hark__inbox_report

/* ---- who takes part -------------------------------------------------------------------------- */

enum { LOOP, BUFFER = 3, ACTORS, POSTERS_MOST = 2, POSTS_MOST = 2, LONGEST = 64 };

/* SOUND: the hub tells as long as there is something to read; EDGE: of each write, once. And mistakes
 * that can be made from outside of inbox.c. */
enum plant { SOUND, EDGE, NO_WRITE, NO_LOOK, CLEAR_LATE, UNORDERED };

enum verdict { WELL, LOST, TWICE, OUT_OF_ORDER, NEEDLESS_WRITE };

static struct actor {
    place place;
    enum step step; /* about to be made; NOTHING: it has nothing to do any more */
    int value;      /* of the step that was made last */
    uint64_t past;  /* of all that it made: where it stands follows from that */
} actors[ACTORS];

static struct order {
    enum plant plant;
    int posters, posts;
    enum verdict verdict;
    bool stopped;            /* it is over: whoever is on the way goes home without giving way */
    int me;                  /* which actor runs */
    int count;               /* of the eventfd */
    int late[4], late_count; /* UNORDERED: stores of the loop that are not in memory yet */
    int given[POSTERS_MOST + 1], ran[POSTERS_MOST + 1], ran_in_all;
    int sleeps, writes;
    bool up; /* the loop takes and runs */
    bool looked;
} order;

static place driver;
static hark_loop loop_here;
static hark_watch watches[POSTERS_MOST * POSTS_MOST];

static bool is_loop(void)
{
    return order.me == LOOP;
}

static int number_of(const hark_watch *watch)
{
    return watch ? (int)(watch - watches) + 1 : 0;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static void blame(enum verdict verdict)
{
    if (order.verdict == WELL) {
        order.verdict = verdict;
    }
}

static void before(enum step step)
{
    struct actor *self = &actors[order.me];

    if (order.stopped) {
        return;
    }
    self->step = step;
    place_switch(&self->place, &driver);
}

static void after(int value)
{
    struct actor *self = &actors[order.me];

    self->value = value;
    self->past = mix(self->past, (uint64_t)self->step * 16 + (uint64_t)value);
    switch (self->step) {
    case PUSH: order.given[order.me] += value; break;
    case TAKE: order.up = true; break;
    case CLEAR:
        if (value && order.up) {
            blame(NEEDLESS_WRITE);
        }
        break;
    case STORE: order.sleeps += value; break;
    default: break;
    }
    self->step = NOTHING;
}

/* The loop only. */
static void store_asleep(atomic_int *at, int value)
{
    before(STORE);
    if (order.plant == UNORDERED && !order.stopped) {
        order.late[order.late_count++] = value;
    } else {
        put_asleep(at, value);
    }
    if (value) {
        order.up = false;
    }
    after(value);
}

/* What a buffer does by itself, whenever it pleases. */
static void flush(void)
{
    put_asleep(&loop_here.inbox->asleep, order.late[0]);
    actors[BUFFER].value = order.late[0];
    order.late_count--;
    memmove(order.late, order.late + 1, sizeof order.late[0] * (size_t)order.late_count);
}

/* ---- the world ------------------------------------------------------------------------------- */

static int fake_eventfd(unsigned value, int flags)
{
    (void)value, (void)flags;
    return 1000;
}

static int fake_close(int fd)
{
    CHECK_EQ(fd, 1000);
    return 0;
}

static ssize_t fake_write(int fd, const void *buffer, size_t size)
{
    (void)buffer;
    CHECK_EQ(fd, 1000);
    before(WRITE);
    order.count += order.plant != NO_WRITE;
    if (++order.writes > order.sleeps) {
        blame(NEEDLESS_WRITE);
    }
    after(1);
    return (ssize_t)size;
}

static ssize_t fake_read(int fd, void *buffer, size_t size)
{
    CHECK_EQ(fd, 1000);
    CHECK_NE(order.plant, EDGE);
    before(READ);
    *(uint64_t *)buffer = (uint64_t)order.count;
    after(order.count);
    order.count = 0;
    return (ssize_t)size;
}

static int fake_arm(hark__hub *hub, int fd, int events, uint64_t token)
{
    (void)hub, (void)events, (void)token;
    CHECK_EQ(fd, 1000);
    return 0;
}

static int fake_disarm(hark__hub *hub, int fd, uint64_t token)
{
    (void)hub, (void)fd, (void)token;
    return 0;
}

static int fake_poll(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    (void)hub, (void)max;
    order.looked = timeout == 0;
    before(POLL);
    reports[0] = (struct hark__report){INBOX_TOKEN, POLLIN};
    int told = order.count > 0;
    order.count = order.plant == EDGE ? 0 : order.count;
    after(told);
    return told;
}

static const struct hark__hub_class fake_hubs[] = {
    {.name = "levels", .arm = fake_arm, .disarm = fake_disarm, .poll = fake_poll},
    {.name = "edges", .lasts = true, .arm = fake_arm, .disarm = fake_disarm, .poll = fake_poll},
};
static hark__hub fake_hub;

/* ---- the actors ------------------------------------------------------------------------------ */

/* As poll_hub of src/core/loop.c. */
static void round_of_the_loop(hark_loop *loop)
{
    struct hark__report reports[1];
    int64_t timeout = -1;

    if (order.plant == NO_LOOK) {
        store_asleep(&loop->inbox->asleep, 1);
    } else if (!stepped_sleep(loop)) {
        timeout = 0;
    }
    int count = loop->hub->class->poll(loop->hub, timeout, reports, 1);
    if (order.plant != CLEAR_LATE) {
        stepped_awake(loop);
    }
    for (int i = 0; i < count; i++) {
        CHECK(stepped_report(loop, reports[i].token));
    }
    stepped_drain(loop);
    if (order.plant == CLEAR_LATE) {
        stepped_awake(loop);
    }
}

static void has_run(void *arg)
{
    int number = number_of(arg), poster = (number - 1) / order.posts + 1;

    if (order.ran[poster] >= order.given[poster]) {
        blame(TWICE);
    } else if ((number - 1) % order.posts != order.ran[poster]) {
        blame(OUT_OF_ORDER);
    }
    order.ran[poster]++;
    order.ran_in_all++;
}

/* Actors never end: at the end of their part they wait for the next schedule. */
static void be_loop(void *arg)
{
    struct actor *self = arg;

    place_arrived(&self->place);
    for (;;) {
        while (!order.stopped && order.ran_in_all < order.posters * order.posts) {
            round_of_the_loop(&loop_here);
        }
        self->step = NOTHING;
        place_switch(&self->place, &driver);
    }
}

static void be_poster(void *arg)
{
    struct actor *self = arg;
    int me = (int)(self - actors);

    place_arrived(&self->place);
    for (;;) {
        for (int i = 0; i < order.posts; i++) {
            stepped_post(loop_here.inbox, &watches[(me - 1) * order.posts + i]);
        }
        self->step = NOTHING;
        place_switch(&self->place, &driver);
    }
}

static void resume(int who)
{
    order.me = who;
    place_switch(&driver, &actors[who].place);
}

/* ---- one schedule ---------------------------------------------------------------------------- */

static hark__stacks *pool;

static void open_theatre(void)
{
    pool = pool_new();
    place_here(&driver);
    for (int who = 0; who < BUFFER; who++) { /* they need real files */
        actors[who].place.stack = stack_new(pool, 1, &actors[who]);
    }
    hark__sys.eventfd = fake_eventfd;
    hark__sys.close = fake_close;
    hark__sys.write = fake_write;
    hark__sys.read = fake_read;
    loop_here.hub = &fake_hub;
}

static void close_theatre(void)
{
    for (int who = 0; who < BUFFER; who++) {
        hark__tools_forget(&actors[who].place.stack->tools);
        hark__stacks_give(pool, actors[who].place.stack);
    }
    hark__stacks_close(pool);
}

/* To its first step. */
static void enter(int who)
{
    struct actor *actor = &actors[who];

    order.me = who;
    if (actor->place.sp) {
        resume(who);
        return;
    }
    place_begin(&driver, &actor->place, who == LOOP ? be_loop : be_poster, actor);
}

static void begin(enum plant plant, int posters, int posts)
{
    order = (struct order){.plant = plant, .posters = posters, .posts = posts};
    for (int i = 0; i < posters * posts; i++) {
        watches[i] = (hark_watch){.fn = has_run, .arg = &watches[i]};
    }
    fake_hub.class = &fake_hubs[plant == EDGE];
    CHECK_EQ(stepped_open(&loop_here), 0);
    for (int who = 0; who <= posters; who++) {
        actors[who].past = 0;
        enter(who);
    }
}

static bool can_go_on(int who)
{
    switch (who == BUFFER ? (order.late_count ? FLUSH : NOTHING) : actors[who].step) {
    case NOTHING: return false;
    case POLL: return order.looked || order.count > 0;
    case TAKE: return order.late_count == 0;
    default: return true;
    }
}

static void go_on(int who)
{
    if (who == BUFFER) {
        flush();
    } else {
        resume(who);
    }
}

/* Who is still on the way goes home, and the box is closed. */
static enum verdict end(void)
{
    if (order.ran_in_all < order.posters * order.posts) {
        blame(LOST);
    }
    order.stopped = true;
    for (int who = 0; who <= order.posters; who++) {
        if (actors[who].step != NOTHING) {
            resume(who);
        }
    }
    enum verdict verdict = order.verdict;
    stepped_close(&loop_here);
    stepped_free(&loop_here);
    return verdict;
}

/* ---- all schedules --------------------------------------------------------------------------- */

enum { STATES_MOST = 1 << 20, CUT = NEEDLESS_WRITE + 1, VERDICTS };

struct search {
    long schedules, ends[VERDICTS];
    int chosen[LONGEST], open[LONGEST], depth; /* of those that could go on, which one did */
    uint64_t *seen; /* a schedule that comes to a state again is cut there; NULL: none is */
    uint32_t count; /* of states */
};

static uint64_t state_now(void)
{
    uint64_t hash = mix(1, (uint64_t)loop_here.inbox->asleep);

    for (int who = 0; who <= order.posters; who++) {
        hash = mix(mix(hash, actors[who].past), (uint64_t)order.given[who] * 16 + actors[who].step);
        hash = mix(hash, (uint64_t)order.ran[who]);
    }
    for (int i = 0; i < order.late_count; i++) {
        hash = mix(hash, 2 + (uint64_t)order.late[i]);
    }
    for (hark_watch *watch = loop_here.inbox->posted; watch; watch = watch->in.next) {
        hash = mix(hash, 4 + (uint64_t)number_of(watch));
    }
    hash = mix(mix(hash, (uint64_t)order.count), (uint64_t)order.sleeps * 64 + order.writes);
    hash = mix(hash, (uint64_t)order.up * 2 + order.looked);
    return hash ? hash : 1;
}

static bool seen_before(struct search *search)
{
    uint64_t state = state_now();
    uint32_t at = (uint32_t)(state >> 44) & (STATES_MOST - 1);

    while (search->seen[at] && search->seen[at] != state) {
        at = (at + 1) & (STATES_MOST - 1);
    }
    if (search->seen[at]) {
        return true;
    }
    search->seen[at] = state;
    CHECK_LT(++search->count, STATES_MOST / 4 * 3);
    return false;
}

static int nth_that_can_go_on(int n, int *count)
{
    int chosen = -1;

    *count = 0;
    for (int who = 0; who < ACTORS; who++) {
        if (can_go_on(who) && (*count)++ == n) {
            chosen = who;
        }
    }
    return chosen;
}

static int run_schedule(struct search *search, enum plant plant, int posters, int posts)
{
    begin(plant, posters, posts);
    for (int at = 0;; at++) {
        CHECK_LT(at, LONGEST);
        bool is_new = at >= search->depth, cut = is_new && search->seen && seen_before(search);
        if (is_new) {
            search->chosen[at] = 0;
        }
        int who = nth_that_can_go_on(search->chosen[at], &search->open[at]);
        if (who < 0 || cut || order.verdict != WELL) {
            bool over = who < 0 || order.verdict != WELL;
            search->depth = at;
            enum verdict verdict = end();
            return over ? (int)verdict : CUT;
        }
        go_on(who);
    }
}

/* To the next in order: the last choice that leaves another one is made anew. */
static bool next_schedule(struct search *search)
{
    while (search->depth > 0) {
        int at = search->depth - 1;
        if (++search->chosen[at] < search->open[at]) {
            return true;
        }
        search->depth = at;
    }
    return false;
}

static struct search search_all(enum plant plant, int posters, int posts, uint64_t *seen)
{
    struct search search = {.seen = seen};

    do {
        search.ends[run_schedule(&search, plant, posters, posts)]++;
        search.schedules++;
    } while (next_schedule(&search));
    return search;
}

/* Every state once instead of every schedule. */
static struct search search_states(enum plant plant, int posters, int posts)
{
    uint64_t *seen = calloc(STATES_MOST, sizeof *seen);
    CHECK(seen);
    struct search search = search_all(plant, posters, posts, seen);
    free(seen);
    return search;
}

/* ---- a given schedule ------------------------------------------------------------------------ */

/* "1 load 0, 0 store 1": makes these steps, and says what it is that the C code would make instead;
 * NOTHING when it has followed to the end. */
static enum step follow(const char *steps)
{
    for (const char *at = steps; *at; at += strspn(at, ", ")) {
        int who, value, length;
        char name[16];
        CHECK_EQ(sscanf(at, "%d %15s %d%n", &who, name, &value, &length), 3);
        at += length;
        CHECK(who >= 0 && who < ACTORS);
        if (who == BUFFER && order.plant != UNORDERED) {
            continue; /* what is in order needs no time to come to memory */
        }
        enum step step = who == BUFFER ? FLUSH : actors[who].step;
        if (strcmp(name, step_names[step]) != 0) {
            return step;
        }
        CHECK(can_go_on(who));
        go_on(who);
        CHECK_EQ(actors[who].value, value);
    }
    return NOTHING;
}

static bool nobody_can_go_on(void)
{
    int count;
    return nth_that_can_go_on(0, &count) < 0;
}

#define SCHEDULES(plant, posters, posts, count)
#define FOLLOW(steps)
#define PLANTED(plant, posts, verdict, steps)
#define STRANGE(name, posts, instead, steps)

/* ---- tests ----------------------------------------------------------------------------------- */

TEST_TIMEOUT(inbox_has_as_many_schedules_as_its_model, 60)
{
    open_theatre();
#undef SCHEDULES
#define SCHEDULES(plant, posters, posts, count) \
    { \
        struct search search = search_all(plant, posters, posts, NULL); \
        CHECK_EQ(search.ends[WELL], count); \
        CHECK_EQ(search.schedules - search.ends[WELL], search.ends[LOST]); \
        CHECK_EQ(search.ends[LOST] > 0, (plant) != SOUND && (plant) != EDGE); \
    }
#include "../spin/inbox.traces"
#undef SCHEDULES
#define SCHEDULES(plant, posters, posts, count)
    close_theatre();
}

TEST_TIMEOUT(inbox_loses_nothing_in_any_state, 60)
{
    open_theatre();
    for (int i = 0; i < 4; i++) {
        int posters = i / 2 + 1;
        struct search search = search_states(i % 2 ? EDGE : SOUND, posters, posters == 1 ? 2 : 1);
        CHECK_GT(search.count, posters == 1 ? 600 : 3000);
        CHECK_EQ(search.ends[WELL] + search.ends[CUT], search.schedules);
    }
    close_theatre();
}

TEST_TIMEOUT(inbox_search_finds_planted_mistakes, 60)
{
    open_theatre();
    CHECK_GT(search_states(NO_WRITE, 2, 1).ends[LOST], 0);
    CHECK_GT(search_states(NO_LOOK, 2, 1).ends[LOST], 0);
    CHECK_GT(search_states(UNORDERED, 2, 1).ends[LOST], 0);
    CHECK_GT(search_states(CLEAR_LATE, 2, 1).ends[NEEDLESS_WRITE], 0);
    close_theatre();
}

TEST(inbox_follows_the_schedules_of_its_model)
{
    open_theatre();
#undef FOLLOW
#define FOLLOW(steps) \
    begin(SOUND, 1, 1); \
    CHECK_EQ(follow(steps), NOTHING); \
    CHECK(nobody_can_go_on()); \
    CHECK_EQ(end(), WELL);
#include "../spin/inbox.traces"
#undef FOLLOW
#define FOLLOW(steps)
    close_theatre();
}

TEST(inbox_fails_as_its_model_with_the_same_mistake)
{
    open_theatre();
#undef PLANTED
#define PLANTED(plant, posts, verdict, steps) \
    begin(plant, 1, posts); \
    CHECK_EQ(follow(steps), NOTHING); \
    CHECK((verdict) != LOST || nobody_can_go_on()); \
    CHECK_EQ(end(), verdict);
#include "../spin/inbox.traces"
#undef PLANTED
#define PLANTED(plant, posts, verdict, steps)
    close_theatre();
}

TEST(inbox_does_not_go_the_way_of_wrong_models)
{
    open_theatre();
#undef STRANGE
#define STRANGE(name, posts, instead, steps) \
    begin(SOUND, 1, posts); \
    CHECK_STR(step_names[follow(steps)], step_names[instead]); \
    end();
#include "../spin/inbox.traces"
    close_theatre();
}

/* ---- the real loop --------------------------------------------------------------------------- */

static struct {
    const struct hark__hub_class *class;
    struct hark__hub_class ours;
    ssize_t (*read)(int fd, void *buffer, size_t size);
    ssize_t (*write)(int fd, const void *buffer, size_t size);
    hark_watch first, second, third;
    struct hark__operation operation;
    hark_event event;
    int polls, reads, writes;
} real;

/* Told after the loop has awoken, and before it takes. */
static void between(struct hark__operation *op)
{
    (void)op;
    hark__inbox_post(hark__here->inbox, &real.first); /* awake: nothing to write */
    CHECK_EQ(real.writes, 0);
}

/* The first sleep ends for nothing: so nobody has cleared `asleep` but the loop itself. */
static int real_poll(hark__hub *hub, int64_t timeout, struct hark__report *reports, int max)
{
    switch (real.polls++) {
    case 0:
        CHECK_NE(timeout, 0);
        reports[0] = (struct hark__report){INBOX_TOKEN, POLLIN};
        real.operation.ended = between;
        hub->ended = hub->ended_last = &real.operation;
        return 1;
    case 1: CHECK_EQ(timeout, 0); break; /* the second has been posted, so it does not sleep */
    case 2:
        CHECK_NE(timeout, 0);
        hark__inbox_post(hark__here->inbox, &real.third); /* asleep: it is woken */
        CHECK_EQ(real.writes, 1);
        break;
    default: break;
    }
    return real.class->poll(hub, timeout, reports, max);
}

static ssize_t real_read(int fd, void *buffer, size_t size)
{
    real.reads += fd == hark__here->inbox->fd;
    return real.read(fd, buffer, size);
}

static ssize_t real_write(int fd, const void *buffer, size_t size)
{
    real.writes += fd == hark__here->inbox->fd;
    return real.write(fd, buffer, size);
}

static void real_run(void *arg)
{
    kit_log("%s", (const char *)arg);
    if (strcmp(arg, "first") == 0) {
        hark__inbox_post(hark__here->inbox, &real.second);
        CHECK_EQ(real.writes, 0);
    } else if (strcmp(arg, "third") == 0) {
        CHECK_EQ(hark_event_set(&real.event), 0);
    }
}

static int real_main(void *arg)
{
    hark_loop *loop = hark__here;

    (void)arg;
    CHECK_EQ(hark__inbox_open(loop), 0);
    real.first = (hark_watch){.fn = real_run, .arg = "first"};
    real.second = (hark_watch){.fn = real_run, .arg = "second"};
    real.third = (hark_watch){.fn = real_run, .arg = "third"};
    real.class = loop->hub->class;
    real.ours = *real.class;
    real.ours.poll = real_poll;
    loop->hub->class = &real.ours;
    real.read = hark__sys.read;
    real.write = hark__sys.write;
    hark__sys.read = real_read;
    hark__sys.write = real_write;
    loop->holds++;
    CHECK_EQ(hark_event_wait(&real.event), 0);
    loop->holds--;
    loop->hub->class = real.class;
    return 0;
}

TEST_ON_HUBS(inbox_the_real_loop_sleeps_wakes_and_takes_in_the_order_of_the_model)
{
    CHECK_EQ(RUN(real_main, NULL), 0);
    CHECK_LOG("first second third");
    CHECK_GE(real.polls, 3);
    CHECK_EQ(real.reads >= 2, !real.class->lasts); /* a hub of edges needs none */
    CHECK_EQ(real.reads == 0, real.class->lasts);
}
