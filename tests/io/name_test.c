/* SPDX-License-Identifier: MIT
 *
 * name_test.c - names and addresses: what is a number, who is asked for what is none, what comes of
 * failures, addresses as text and in order, names of addresses.
 */
#include "name_scene.h"

#include "io/io.h"
#include "thread/thread.h"

static hark_address list[80];

static const char *text_of(const hark_address *address)
{
    static char text[HARK_ADDRESS_TEXT];
    return hark_address_text(&address->at.any, text, sizeof text);
}

static int nobody(const char *host, const char *service, const struct addrinfo *hints,
                  struct addrinfo **answer)
{
    (void)host, (void)service, (void)hints, (void)answer;
    CHECK(!"the C library was asked");
    return EAI_FAIL;
}

/* ---- numbers -------------------------------------------------------------------------------- */

INSIDE(name_numbers_are_read_at_once)
{
    const char *table[][3] = {
        {"192.0.2.1", "80", "192.0.2.1:80"},
        {"2001:db8::1", "65535", "[2001:db8::1]:65535"},
        {"::ffff:192.0.2.1", "1", "[::ffff:192.0.2.1]:1"},
        {"::", NULL, "[::]:0"},
        {"fe80::1%1", "80", "[fe80::1%1]:80"},
    };
    hark__sys.getaddrinfo = nobody;
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(hark_resolve(table[i][0], table[i][1], list, 80, NULL), 1);
        CHECK_STR(text_of(&list[0]), table[i][2]);
        CHECK_EQ(list[0].length,
                 list[0].at.any.sa_family == AF_INET ? sizeof list[0].at.v4 : sizeof list[0].at.v6);
    }
    CHECK_EQ(hark__thread_count(), 0);
}

INSIDE(name_N15_scopes_are_interfaces)
{
    hark__sys.getaddrinfo = nobody;
    CHECK_EQ(hark_resolve("fe80::1%lo", "80", list, 1, NULL), 1);
    CHECK_EQ(list[0].at.v6.sin6_scope_id, 1);
    CHECK_MISUSE(hark_resolve("fe80::1%nosuch0", "80", list, 1, NULL), -ENODEV, "fe80::1%nosuch0");
    CHECK_EQ(hark_resolve("fe80::1%", "80", list, 1, NULL), -ENODEV);
    CHECK_EQ(hark_resolve("fe80::1%4294967296", "80", list, 1, NULL), -ENODEV);
    CHECK_EQ(hark_resolve("fe80::1%4294967295", "80", list, 1, NULL), 1);
    CHECK_EQ(list[0].at.v6.sin6_scope_id, UINT32_MAX);
}

INSIDE(name_no_host_is_every_address)
{
    hark_resolve_options options = HARK_RESOLVE_OPTIONS_INIT;
    CHECK_EQ(hark_resolve(NULL, "80", list, 80, NULL), 2);
    CHECK_STR(text_of(&list[0]), "[::]:80");
    CHECK_STR(text_of(&list[1]), "0.0.0.0:80");
    CHECK_EQ(hark_resolve("", "80", list, 1, NULL), 1); /* no room for the other */
    options.family = AF_INET;
    CHECK_EQ(hark_resolve("", "80", list, 80, &options), 1);
    CHECK_STR(text_of(&list[0]), "0.0.0.0:80");
    CHECK_MISUSE(hark_resolve("::1", "80", list, 80, &options), -ENOENT, "other family");
    options.family = AF_INET6;
    CHECK_EQ(hark_resolve("", "80", list, 80, &options), 1);
    CHECK_STR(text_of(&list[0]), "[::]:80");
}

INSIDE(name_misuse_has_words)
{
    hark_resolve_options options = {0};
    char host[300];
    CHECK_MISUSE(hark_resolve("x", "80", list, 80, &options), -EINVAL, "options.size");
    options = (hark_resolve_options)HARK_RESOLVE_OPTIONS_INIT;
    options.family = AF_UNIX;
    CHECK_MISUSE(hark_resolve("x", "80", list, 80, &options), -EINVAL, "family");
    CHECK_MISUSE(hark_resolve("x", "80", NULL, 80, NULL), -EINVAL, "hark_resolve");
    CHECK_MISUSE(hark_resolve("x", "80", list, 0, NULL), -EINVAL, "hark_resolve");
    CHECK_MISUSE(hark_resolve("127.0.0.1", "", list, 80, NULL), -ENOENT, "port");
    CHECK_MISUSE(hark_resolve("127.0.0.1", "65536", list, 80, NULL), -ENOENT, "65536");
    options = (hark_resolve_options)HARK_RESOLVE_OPTIONS_INIT;
    options.numeric = true;
    hark__sys.getaddrinfo = nobody;
    CHECK_MISUSE(hark_resolve("some.host", "80", list, 80, &options), -ENOENT, "no number");
    CHECK_MISUSE(hark_resolve("127.0.0.1", "http", list, 80, &options), -ENOENT, "numbers");
    CHECK_EQ(hark_resolve("127.0.0.1", "80", list, 80, &options), 1);
    memset(host, 'x', sizeof host);
    host[256] = '\0';
    CHECK_MISUSE(hark_resolve(host, "80", list, 80, NULL), -ENAMETOOLONG, "256");
    CHECK_MISUSE(hark_name_of(NULL, host, sizeof host), -EINVAL, "hark_name_of");
    CHECK_EQ(hark_resolve("127.0.0.1", "80", list, 1, NULL), 1);
    CHECK_MISUSE(hark_name_of(&list[0].at.any, NULL, 9), -EINVAL, "room");
    list[0].at.any.sa_family = AF_UNIX;
    CHECK_MISUSE(hark_name_of(&list[0].at.any, host, 9), -EINVAL, "internet");
}

TEST(name_nothing_waits_outside_a_task)
{
    char host[9];
    CHECK_EQ(hark_resolve("127.0.0.1", "80", list, 80, NULL), -ENOTSUP);
    CHECK_EQ(hark_name_of(&list[0].at.any, host, sizeof host), -ENOTSUP);
    CHECK_EQ(hark_resolver_use(NULL), -EXDEV);
}

INSIDE(name_there_is_nothing_below_invalid)
{
    hark__sys.getaddrinfo = nobody;
    const char *hosts[] = {"invalid", "INVALID.", "a.invalid", "a.b.Invalid."};
    for (int i = 0; i < 4; i++) {
        CHECK_MISUSE(hark_resolve(hosts[i], "80", list, 80, NULL), -ENOENT, hosts[i]);
    }
    plan_for("6 0ms .; 4 0ms 192.0.2.1; 4 0ms .");
    CHECK_EQ(hark_resolve("invalid.example", "80", list, 80, NULL), 1);
    CHECK_EQ(hark_resolve("notinvalid", "80", list, 80, NULL), 1);
}

/* ---- text ----------------------------------------------------------------------------------- */

TEST(name_addresses_as_text)
{
    char text[HARK_ADDRESS_TEXT], small[5];
    struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    CHECK_STR(hark_address_text((struct sockaddr *)&local, text, sizeof text), "unix:/run/x");
    memcpy(local.sun_path, "\0name", 6);
    CHECK_STR(hark_address_text((struct sockaddr *)&local, text, sizeof text), "unix:@name");
    memset(local.sun_path, 0, sizeof local.sun_path);
    CHECK_STR(hark_address_text((struct sockaddr *)&local, text, sizeof text), "unix:");
    memset(local.sun_path, 'p', sizeof local.sun_path); /* the longest: no zero byte */
    CHECK_EQ(strlen(hark_address_text((struct sockaddr *)&local, text, sizeof text)),
             strlen("unix:") + sizeof local.sun_path);
    CHECK_STR(hark_address_text(NULL, text, sizeof text), "");
    local.sun_family = AF_APPLETALK;
    CHECK_STR(hark_address_text((struct sockaddr *)&local, text, sizeof text), "");
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(65535)};
    v4.sin_addr.s_addr = UINT32_MAX;
    CHECK_STR(hark_address_text((struct sockaddr *)&v4, text, sizeof text), "255.255.255.255:65535");
    CHECK_STR(hark_address_text((struct sockaddr *)&v4, small, sizeof small), "255.");
    CHECK_STR(hark_address_text((struct sockaddr *)&v4, small, 0), "");
    CHECK_STR(hark_address_text((struct sockaddr *)&v4, NULL, 9), "");
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};
    memset(&v6.sin6_addr, 0xff, 16);
    v6.sin6_scope_id = UINT32_MAX;
    CHECK_STR(hark_address_text((struct sockaddr *)&v6, text, sizeof text),
              "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
}

/* ---- the C library -------------------------------------------------------------------------- */

static atomic_int blocked;
static atomic_bool let_go;

static int block(const char *host, const char *service, const struct addrinfo *hints,
                 struct addrinfo **answer)
{
    (void)host, (void)service, (void)hints, (void)answer;
    atomic_fetch_add(&blocked, 1);
    while (!atomic_load(&let_go)) {
        usleep(100);
    }
    return EAI_AGAIN;
}

static int cancelled;
static size_t job_size;

static void *note_job(size_t size)
{
    job_size = size > NI_MAXHOST && size < NI_MAXHOST + 400 ? size : job_size;
    return calloc(1, size);
}

static int ask_for_ever(void *arg)
{
    (void)arg;
    cancelled += hark_resolve("silent.host", "80", list, 80, NULL) == -ECANCELED;
    return 0;
}

static int add_one(void *arg)
{
    ++*(int *)arg;
    return 7;
}

/* More of them than threads: those in the queue can leave, too. */
ON_WIRE(name_D1_a_resolver_that_blocks_for_ever_holds_up_nobody)
{
    enum { ASKERS = 70 };
    hark_task tasks[ASKERS];
    int number = 0, file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char byte;
    hark__sys.getaddrinfo = block;
    hark__memory.allocate = note_job;
    for (int i = 0; i < ASKERS; i++) {
        tasks[i] = hark_go(&group, ask_for_ever, NULL);
    }
    while (atomic_load(&blocked) < 64) {
        CHECK_EQ(hark_yield(), 0);
    }
    CHECK_EQ(hark_thread_call(add_one, &number), 7); /* other lanes go on */
    CHECK_EQ(number, 1);
    CHECK_EQ(hark_read(file, &byte, 1), 1);
    CHECK_EQ(hark_close(file), 0);
    CHECK_EQ(hark_resolve("127.0.0.1", "80", list, 80, NULL), 1); /* numbers too */
    for (int i = 0; i < ASKERS; i++) {
        CHECK_EQ(hark_task_cancel(tasks[i]), 0);
    }
    while (cancelled < ASKERS) {
        CHECK_EQ(hark_yield(), 0);
    }
    const size_t held = hark__alloc_live();
    CHECK_GT(job_size, 0);
    atomic_store(&let_go, true);
    while (hark__alloc_live() > held - 64 * job_size) { /* the workers drop their jobs */
        CHECK_EQ(hark_yield(), 0);
    }
}

/* ---- the name of an address ----------------------------------------------------------------- */

static int name_error;
static const char *name_found;

static int reverse(const struct sockaddr *address, socklen_t length, char *host, socklen_t size,
                   char *service, socklen_t service_size, int flags)
{
    (void)service, (void)service_size;
    CHECK_EQ(address->sa_family, AF_INET);
    CHECK_EQ(length, sizeof(struct sockaddr_in));
    CHECK_EQ(flags & NI_NAMEREQD, NI_NAMEREQD);
    errno = EMFILE;
    if (!name_error) {
        snprintf(host, size, "%s", name_found);
    }
    return name_error;
}

ON_WIRE(name_of_an_address)
{
    char host[20] = "";
    hark__sys.getnameinfo = reverse;
    name_found = "some.host";
    CHECK_EQ(hark_resolve("192.0.2.1", "0", list, 1, NULL), 1);
    CHECK_EQ(hark_name_of(&list[0].at.any, host, 10), 9);
    CHECK_STR(host, "some.host");
    CHECK_MISUSE(hark_name_of(&list[0].at.any, host, 9), -EMSGSIZE, "192.0.2.1");
    const int errors[] = {EAI_NONAME, EAI_AGAIN, EAI_FAIL, EAI_MEMORY, EAI_SYSTEM, EAI_FAMILY};
    const int codes[] = {-ENOENT, -EHOSTDOWN, -EREMOTEIO, -ENOMEM, -EMFILE, -EINVAL};
    for (int i = 0; i < 6; i++) {
        name_error = errors[i];
        CHECK_MISUSE(hark_name_of(&list[0].at.any, host, sizeof host), codes[i], "192.0.2.1");
    }
    hark__memory.allocate = kit_no_memory;
    CHECK_MISUSE(hark_name_of(&list[0].at.any, host, sizeof host), -ENOMEM, "192.0.2.1");
}

/* ---- a resolver of the loop's own ----------------------------------------------------------- */

INSIDE(name_a_resolver_is_asked_for_names_only)
{
    hark__sys.getaddrinfo = nobody;
    plan_for("4 5ms 192.0.2.1; 4 6ms 192.0.2.2; 4 7ms .; 6 20ms 2001:db8::1; 6 30ms .");
    CHECK_EQ(hark_resolve("127.0.0.1", "80", list, 80, NULL), 1);
    CHECK_EQ(plan.asked, 0);
    const int64_t began = hark_now();
    CHECK_EQ(hark_resolve("Some.Host", "81", list, 80, NULL), 3);
    CHECK_EQ(hark_now() - began, HARK_MS(30));
    CHECK_STR(plan.host, "Some.Host");
    CHECK_EQ(plan.family, AF_UNSPEC);
    CHECK_EQ(plan.forgotten, 0);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(ntohs(list[i].at.v4.sin_port), 81);
    }
    CHECK_EQ(hark_resolve("Some.Host", "81", list, 2, NULL), 2); /* no room for the third */
}

INSIDE(name_one_family_is_all_that_is_asked_for)
{
    hark_resolve_options options = HARK_RESOLVE_OPTIONS_INIT;
    options.family = AF_INET6;
    plan_for("6 1ms 2001:db8::1; 6 2ms .");
    CHECK_EQ(hark_resolve("some.host", NULL, list, 80, &options), 1);
    CHECK_EQ(plan.family, AF_INET6);
    plan.text = "4 1ms 192.0.2.1; 4 2ms .";
    options.family = AF_INET;
    CHECK_EQ(hark_resolve("some.host", NULL, list, 80, &options), 1);
    CHECK_EQ(plan.family, AF_INET);
}

INSIDE(name_bytes_go_to_the_resolver_as_they_are)
{
    plan_for("4 0ms 192.0.2.1; 4 0ms .; 6 0ms .");
    CHECK_EQ(hark_resolve("b\xc3\xbc"
                          "cher.example",
                          "80", list, 80, NULL),
             1);
    CHECK_STR(plan.host, "b\xc3\xbc"
                         "cher.example");
}

/* "Nobody knows" outweighs "there is none", and any address outweighs both. */
INSIDE(name_D9_half_an_answer_is_an_answer)
{
    plan_for("4 1ms 192.0.2.1; 4 1ms .; 6 5ms EREMOTEIO");
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, NULL), 1);
    plan.text = "4 1ms ENOENT; 6 5ms EREMOTEIO";
    CHECK_MISUSE(hark_resolve("some.host", "80", list, 80, NULL), -EREMOTEIO, "some.host");
    CHECK_HAS(hark_error_last(), "planned");
    plan.text = "4 1ms EHOSTDOWN; 6 5ms ENOENT";
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, NULL), -EHOSTDOWN);
    plan.text = "4 1ms ENOENT; 6 5ms ENOENT";
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, NULL), -ENOENT);
    plan.text = "4 1ms .; 6 5ms .";
    CHECK_MISUSE(hark_resolve("some.host", "80", list, 80, NULL), -ENOENT, "no address");
}

static int resolve_later(void *arg)
{
    kit_log("%s", outcome(hark_resolve(arg, "80", list, 80, NULL)));
    return 0;
}

INSIDE(name_a_cancelled_question_is_forgotten_at_once)
{
    plan_for("4 1ms 192.0.2.1; 4 2ms .; 6 3600000ms .");
    const hark_task task = hark_go(&group, resolve_later, "some.host");
    const int64_t began = hark_now();
    CHECK_EQ(hark_sleep(HARK_MS(10)), 0);
    CHECK_EQ(plan.forgotten, 0);
    CHECK_EQ(hark_task_cancel(task), 0);
    CHECK_EQ(hark_task_wait(task), 0);
    CHECK_LOG("cancelled");
    CHECK_EQ(plan.forgotten, 1);
    CHECK_EQ(hark_now() - began, HARK_MS(10));
    CHECK_EQ(hark_within(HARK_S(1), hark_resolve("some.host", "80", list, 80, NULL)), -ETIMEDOUT);
    CHECK_EQ(plan.forgotten, 2);
}

static int decline(hark_resolver *resolver, hark_lookup *lookup, const char *host, int family)
{
    (void)lookup, (void)host, (void)family;
    ((struct plan *)resolver)->asked++;
    return -EOPNOTSUPP;
}

static int refuse(hark_resolver *resolver, hark_lookup *lookup, const char *host, int family)
{
    (void)resolver, (void)lookup, (void)family;
    return hark_fail(-EREMOTEIO, "no \"%s\" today", host);
}

static int library_asked;
static char library_port[20];

static int library(const char *host, const char *service, const struct addrinfo *hints,
                   struct addrinfo **answer)
{
    static struct sockaddr_in address = {.sin_family = AF_INET};
    static struct addrinfo info = {
        .ai_family = AF_INET, .ai_addrlen = sizeof address, .ai_addr = (struct sockaddr *)&address};
    (void)hints;
    library_asked++;
    address.sin_port = service ? htons(8000) : 0;
    address.sin_addr.s_addr = host ? htonl(0xc0000207) : 0;
    snprintf(library_port, sizeof library_port, "%s", service ? service : "");
    *answer = &info;
    return 0;
}

static void free_nothing(struct addrinfo *answer)
{
    (void)answer;
}

ON_WIRE(name_a_resolver_may_decline_or_fail)
{
    hark_resolve_options options = HARK_RESOLVE_OPTIONS_INIT;
    hark__sys.getaddrinfo = library;
    hark__sys.freeaddrinfo = free_nothing;
    plan_for("");
    plan.resolver.ask = decline;
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, NULL), 1);
    CHECK_STR(text_of(&list[0]), "192.0.2.7:80");
    CHECK_EQ(plan.asked, 1);
    CHECK_EQ(library_asked, 1);
    plan.resolver.ask = refuse;
    CHECK_MISUSE(hark_resolve("some.host", "80", list, 80, NULL), -EREMOTEIO, "today");
    options.system = true; /* it is not asked then */
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, &options), 1);
    CHECK_EQ(hark_resolver_use(NULL), 0);
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, NULL), 1);
    CHECK_EQ(library_asked, 3);
}

static int without_descriptors(const char *host, const char *port, const struct addrinfo *hints,
                               struct addrinfo **list_)
{
    (void)host, (void)port, (void)hints, (void)list_;
    errno = EMFILE; /* it could not even read /etc/hosts */
    return EAI_NONAME;
}

ON_WIRE(name_nobody_could_look_up_is_not_said_to_be_unknown)
{
    hark__sys.getaddrinfo = without_descriptors;
    CHECK_MISUSE(hark_resolve("some.host", "80", list, 80, NULL), -EMFILE, "some.host");
}

ON_WIRE(name_services_have_numbers)
{
    hark__sys.getaddrinfo = library;
    hark__sys.freeaddrinfo = free_nothing;
    CHECK_EQ(hark_resolve("some.host", "http-alt", list, 80, NULL), 1);
    CHECK_STR(text_of(&list[0]), "192.0.2.7:8000");
    CHECK_EQ(library_asked, 1); /* both at once */
    CHECK_EQ(hark_resolve("192.0.2.1", "http-alt", list, 80, NULL), 1);
    CHECK_STR(text_of(&list[0]), "192.0.2.1:8000");
    CHECK_EQ(hark_resolve(NULL, "http-alt", list, 80, NULL), 2);
    CHECK_STR(text_of(&list[0]), "[::]:8000");
    plan_for("4 0ms 192.0.2.1; 4 0ms .; 6 0ms .");
    CHECK_EQ(hark_resolve("some.host", "http-alt", list, 80, NULL), 1);
    CHECK_STR(text_of(&list[0]), "192.0.2.1:8000");
    CHECK_STR(library_port, "http-alt");
}

INSIDE(name_a_loop_has_one_resolver)
{
    static hark_resolver other;
    CHECK_MISUSE(hark_resolver_use(&other), -EINVAL, "hark_resolver_use");
    plan_for("");
    other = plan.resolver;
    CHECK_MISUSE(hark_resolver_use(&other), -EBUSY, "hark_resolver_use");
    CHECK_EQ(hark_resolver_use(&plan.resolver), 0);
    CHECK_EQ(hark_resolver_use(NULL), 0);
    CHECK_EQ(hark_resolver_use(NULL), 0);
    CHECK_EQ(hark_resolver_use(&other), 0);
    /* and is not taken out: the next loop does not see it */
}

static int use_and_leave(void *arg)
{
    static hark_resolver resolver;
    (void)arg;
    resolver = (hark_resolver){.ask = plan_ask, .forget = plan_forget};
    hark__sys.getaddrinfo = library;
    hark__sys.freeaddrinfo = free_nothing;
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, NULL), 1);
    return hark_resolver_use(&resolver);
}

TEST(name_a_resolver_ends_with_its_loop)
{
    for (int i = 0; i < 20; i++) { /* more than there are places */
        CHECK_EQ(RUN(use_and_leave, NULL), 0);
    }
    CHECK_EQ(plan.asked, 0);
}

static int flood(hark_resolver *resolver, hark_lookup *lookup, const char *host, int family)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sockaddr local = {.sa_family = AF_UNIX};
    (void)resolver, (void)host, (void)family;
    hark_lookup_found(lookup, &local); /* not of the internet: passed over */
    for (uint32_t i = 0; i < 1000; i++) {
        address.sin_addr.s_addr = htonl(0x7f000000 + i);
        hark_lookup_found(lookup, (struct sockaddr *)&address);
    }
    hark_lookup_end(lookup, AF_UNSPEC, 0, NULL);
    return 0;
}

INSIDE(name_D3_a_flood_of_addresses_is_cut)
{
    plan_for("");
    plan.resolver.ask = flood;
    CHECK_EQ(hark_resolve("some.host", "80", list, 80, NULL), 64);
    CHECK_STR(text_of(&list[63]), "127.0.0.63:80");
}

static atomic_int until_none;

static void *scarce(size_t size)
{
    return atomic_fetch_sub(&until_none, 1) == 0 ? NULL : calloc(1, size);
}

INSIDE(name_each_allocation_may_fail)
{
    plan_for("6 1ms 2001:db8::1; 6 1ms .; 4 2ms .");
    int failed = 0;
    for (int nth = 0; nth < 8; nth++) {
        atomic_store(&until_none, nth);
        hark__memory.allocate = scarce;
        const int count = hark_resolve("some.host", "80", list, 80, NULL);
        atomic_store(&until_none, -1);
        CHECK(count == 1 || count == -ENOMEM);
        failed += count < 0;
    }
    CHECK_GE(failed, 2);
}

/* ---- the order ------------------------------------------------------------------------------ */

static struct sockaddr_in6 last_to;
static bool without_v6;

/* This machine has an address like each that it is asked for, unless it has no IPv6. */
static int feign_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)fd;
    memcpy(&last_to, address, length);
    if (without_v6 && address->sa_family == AF_INET6) {
        errno = ENETUNREACH;
        return -1;
    }
    return 0;
}

static int feign_name(int fd, struct sockaddr *address, socklen_t *length)
{
    (void)fd;
    *length = last_to.sin6_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof last_to;
    memcpy(address, &last_to, *length);
    return 0;
}

static void put_in_order(const char *expected)
{
    CHECK_GT(hark_resolve("some.host", "80", list, 80, NULL), 0);
    for (int i = 0; i < 4; i++) {
        kit_log("%s", text_of(&list[i]));
    }
    CHECK_LOG(expected);
}

INSIDE(name_the_best_address_comes_first)
{
    hark__sys.connect = feign_connect;
    hark__sys.getsockname = feign_name;
    plan_for("4 1ms 192.0.2.2; 4 1ms 192.0.2.1; 4 1ms .; 6 2ms fc00::1; 6 2ms 2001:db8::1; 6 2ms .");
    put_in_order("[2001:db8::1]:80 192.0.2.2:80 192.0.2.1:80 [fc00::1]:80");
    without_v6 = true;
    put_in_order("192.0.2.2:80 192.0.2.1:80 [2001:db8::1]:80 [fc00::1]:80");
    without_v6 = false;
    plan.text = "4 1ms 192.0.2.2; 4 1ms .; 6 2ms 2002::1; 6 2ms 2001::1; 6 2ms ::1; 6 2ms .";
    put_in_order("[::1]:80 192.0.2.2:80 [2002::1]:80 [2001::1]:80");
}
