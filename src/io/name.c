/* SPDX-License-Identifier: MIT
 *
 * name.c - from host and port to addresses, and back.
 *
 * Idea     Numbers are read at once, without a thread; so is "every address". Only what needs files
 *          or name servers is asked: of the loop's own resolver (lookup.c), which answers piece by
 *          piece, or of the C library's getaddrinfo in a worker thread. Only the task waits.
 *          Cancelled, it leaves at once; the worker ends alone.
 *
 *              number --> here          "x.invalid" --> nowhere: there is none
 *              name   --> the loop's resolver, unless it declines --> getaddrinfo in a worker
 * Rules    N1  A job owns copies of everything that it uses, for it may outlive its task.
 *          N2  The answer is ours too: getaddrinfo's list is copied and freed in the worker.
 *          N3  A service name is looked up with the host, for then it costs one thread, not two;
 *              with a resolver, which knows hosts only, it is looked up before.
 *          N4  No failure here is -ETIMEDOUT, -EAGAIN or -ECANCELED: these are the caller's own.
 * Not here A cache, /etc/hosts, name servers: hark-dns.
 */
#include <string.h>

#include "io/io.h"

#define LONGEST 255

struct name_job {
    hark__thread_job job;
    char *host, *port; /* host NULL: any; port NULL: it is known already */
    int family;
    hark_address address; /* whose name is asked for */
    int error;            /* EAI_...; for EAI_SYSTEM see */
    int system_error;
    struct hark__io_names *names;
    char found[NI_MAXHOST];
    size_t size;
    char bytes[]; /* both strings */
};

static size_t size_of_names(int room)
{
    return sizeof(struct hark__io_names) + (size_t)room * sizeof(hark_address);
}

struct hark__io_names *hark__io_names_new(int room)
{
    struct hark__io_names *names = hark__alloc(size_of_names(room));

    if (names) {
        names->room = room;
    }
    return names;
}

void hark__io_names_free(struct hark__io_names *names)
{
    if (names) {
        hark__free(names, size_of_names(names->room));
    }
}

/* ---- in a worker ---------------------------------------------------------------------------- */

static bool is_internet(const struct addrinfo *info)
{
    return (info->ai_family == AF_INET && info->ai_addrlen == sizeof(struct sockaddr_in)) ||
           (info->ai_family == AF_INET6 && info->ai_addrlen == sizeof(struct sockaddr_in6));
}

static struct hark__io_names *copy(const struct addrinfo *list)
{
    int count = 0;

    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        count += is_internet(info);
    }
    struct hark__io_names *names = hark__io_names_new(count);
    if (!names) {
        return NULL;
    }
    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        if (is_internet(info)) {
            names->first[names->count].length = info->ai_addrlen;
            memcpy(&names->first[names->count++].at, info->ai_addr, info->ai_addrlen);
        }
    }
    return names;
}

/* A library that could not open its files, or a socket, says that there is no such name. It does
 * not know. */
static int cause_of(const struct name_job *name)
{
    bool nobody = name->error == EAI_NONAME || name->error == EAI_NODATA;
    int why = name->system_error;

    return nobody && (why == EMFILE || why == ENFILE || why == ENOMEM) ? EAI_SYSTEM : name->error;
}

static void look_up(hark__thread_job *job)
{
    struct name_job *name = container_of(job, struct name_job, job);
    struct addrinfo hints = {
        .ai_family = name->family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = name->host ? 0 : AI_PASSIVE,
    };
    struct addrinfo *list = NULL;

    errno = 0;
    name->error = hark__sys.getaddrinfo(name->host, name->port, &hints, &list);
    if (name->error) {
        name->system_error = errno;
        name->error = cause_of(name);
        return;
    }
    name->names = copy(list);
    name->error = name->names ? 0 : EAI_MEMORY;
    hark__sys.freeaddrinfo(list);
}

static void look_back(hark__thread_job *job)
{
    struct name_job *name = container_of(job, struct name_job, job);

    name->error = hark__sys.getnameinfo(&name->address.at.any, name->address.length, name->found,
                                        sizeof name->found, NULL, 0, NI_NAMEREQD);
    name->system_error = errno;
}

static void free_job(hark__thread_job *job)
{
    struct name_job *name = container_of(job, struct name_job, job);

    hark__io_names_free(name->names);
    hark__free(name, name->size);
}

/* ---- jobs, in the loop ---------------------------------------------------------------------- */

/* host NULL: any; port NULL: none, for it is known already. */
static struct name_job *new_job(const char *host, const char *port)
{
    size_t host_size = host ? strlen(host) + 1 : 0, port_size = port ? strlen(port) + 1 : 0;
    size_t size = sizeof(struct name_job) + host_size + port_size;
    struct name_job *name = hark__alloc(size);

    if (name) {
        name->size = size;
        name->host = host ? memcpy(name->bytes, host, host_size) : NULL;
        name->port = port ? memcpy(name->bytes + host_size, port, port_size) : NULL;
        name->job = (hark__thread_job){
            .fn = look_up,
            .drop = free_job,
            .what = host ? name->host : name->port,
        };
    }
    return name;
}

/* Rule N4. */
static int system_code(int error)
{
    switch (error) {
    case 0:
    case EAGAIN:
    case ECANCELED: return -EIO;
    case ETIMEDOUT: return -EHOSTDOWN;
    default: return -error;
    }
}

static int code_of(const struct name_job *name)
{
    switch (name->error) {
    case EAI_MEMORY: return -ENOMEM;
    case EAI_SYSTEM: return system_code(name->system_error);
    case EAI_AGAIN: return -EHOSTDOWN;
    case EAI_FAIL: return -EREMOTEIO;
    case EAI_BADFLAGS:
    case EAI_FAMILY:
    case EAI_SOCKTYPE: return -EINVAL;
    case EAI_OVERFLOW: return -ENAMETOOLONG;
    default: return -ENOENT;
    }
}

static const char *words_of(const struct name_job *name)
{
    switch (name->error) {
    case EAI_SYSTEM: return strerrordesc_np(-system_code(name->system_error));
    case EAI_AGAIN: return "no name server has answered, or it has failed";
    default: return gai_strerror(name->error);
    }
}

/* The job's end: 0; -ECANCELED: it is the worker's now; otherwise it is freed, and said why. */
static int run_job(struct name_job *name, const char *call)
{
    int error = hark__thread_run(&name->job, HARK__THREAD_NAMES, call);

    if (error && error != -ECANCELED) {
        free_job(&name->job);
    }
    return error;
}

static int told(struct hark__io_names **ret, struct name_job *name,
                const struct hark__io_question *question)
{
    const char *call = question->call, *host = question->host, *port = question->port;
    int error = 0;

    if (name->error) {
        error = hark__fail(code_of(name), call, "host \"%.60s\", port \"%.20s\": %s", host, port,
                           words_of(name));
    } else if (name->names->count == 0) {
        error = hark__fail(-ENOENT, call, "host \"%.60s\", port \"%.20s\": no internet address",
                           host, port);
    } else {
        *ret = name->names;
        name->names = NULL;
    }
    free_job(&name->job);
    return error;
}

static int ask_library(struct hark__io_names **ret, const struct hark__io_question *question,
                       const char *host, bool with_port)
{
    struct name_job *name = new_job(*host ? host : NULL, with_port ? question->port : NULL);

    if (!name) {
        return hark__fail(-ENOMEM, question->call, "no memory to look up \"%.60s\"", host);
    }
    name->family = question->family;
    int error = run_job(name, question->call);
    return error ? error : told(ret, name, question);
}

/* ---- what a host and a port are -------------------------------------------------------------- */

/* An address that needs no looking up: 1; 0: it does; a negative code and words. */
static int numeric(struct hark__io_names **ret, const struct hark__io_question *question)
{
    hark_address all[2];
    int count = *question->host ? hark__io_number(&all[0], question->host)
                                : hark__io_every_address(all, question->family);

    if (count == -ENODEV) {
        return hark__fail(count, question->call,
                          "host \"%.60s\": this machine has no such interface", question->host);
    }
    if (count == 0) {
        return 0;
    }
    if (question->family && all[0].at.any.sa_family != question->family) {
        return hark__fail(-ENOENT, question->call, "host \"%.60s\" is of the other family",
                          question->host);
    }
    struct hark__io_names *names = hark__io_names_new(count);
    if (!names) {
        return hark__fail(-ENOMEM, question->call, "host \"%.60s\", port \"%.20s\": no memory",
                          question->host, question->port);
    }
    names->count = count;
    memcpy(names->first, all, (size_t)count * sizeof *all);
    *ret = names;
    return 1;
}

/* RFC 6761, 6.4: a name that exists nowhere, and so nobody needs to be asked. */
static bool is_invalid(const char *host)
{
    static const char invalid[] = ".invalid";
    size_t length = strlen(host);

    length -= length > 0 && host[length - 1] == '.';
    return (length == 7 && strncasecmp(host, invalid + 1, 7) == 0) ||
           (length > 8 && strncasecmp(host + length - 8, invalid, 8) == 0);
}

static int check(const struct hark__io_question *question, int port)
{
    const char *host = question->host;

    if (port == -2 || !*question->port) {
        return hark__fail(-ENOENT, question->call,
                          "host \"%.60s\", port \"%.20s\": a port is a service's name or 0..65535",
                          host, question->port);
    }
    if (strlen(host) > LONGEST) {
        return hark__fail(-ENAMETOOLONG, question->call,
                          "host \"%.60s...\" has %lu bytes; a name has %d at most", host,
                          (unsigned long)strlen(host), LONGEST);
    }
    if (is_invalid(host) || (question->numeric && port < 0)) {
        return hark__fail(-ENOENT, question->call, "host \"%.60s\", port \"%.20s\": %s", host,
                          question->port,
                          is_invalid(host) ? "there are no names below \"invalid\""
                                           : "only numbers are wanted here");
    }
    return 0;
}

/* Rule N3. The port's number; or a negative code. */
static int service_port(const struct hark__io_question *question)
{
    struct hark__io_names *names = NULL;
    int error = ask_library(&names, question, "", true);

    if (error) {
        return error;
    }
    int port = ntohs(names->first[0].at.v4.sin_port); /* at the same place in both families */
    hark__io_names_free(names);
    return port;
}

static void set_ports(struct hark__io_names *names, int port)
{
    for (int i = 0; i < names->count; i++) {
        hark__io_set_port(&names->first[i], port);
    }
}

/* A name, not a number. */
static int ask_somebody(struct hark__io_names **names, struct hark__lookup **lookup,
                        const struct hark__io_question *question, int port)
{
    int error = -EOPNOTSUPP;

    if (!question->system && hark__io_resolver()) {
        port = port < 0 ? service_port(question) : port;
        error = port < 0 ? port : hark__lookup_open(lookup, question, port);
    }
    if (error == -EOPNOTSUPP) {
        error = ask_library(names, question, question->host, port < 0);
        if (!error && port >= 0) {
            set_ports(*names, port);
        }
    }
    return error;
}

int hark__io_ask(struct hark__io_names **names, struct hark__lookup **lookup,
                 const struct hark__io_question *given)
{
    struct hark__io_question question = *given;
    int port = hark__io_port(given->port), error;

    question.host = given->host ? given->host : "";
    *names = NULL;
    *lookup = NULL;
    if ((error = check(&question, port)) || (error = numeric(names, &question)) < 0) {
        return error;
    }
    if (!*names) {
        return question.numeric
                   ? hark__fail(-ENOENT, question.call, "host \"%.60s\" is no number", question.host)
                   : ask_somebody(names, lookup, &question, port);
    }
    port = port < 0 ? service_port(&question) : port;
    if (port < 0) {
        hark__io_names_free(*names);
        *names = NULL;
        return port;
    }
    set_ports(*names, port);
    return 0;
}

/* ---- whole answers -------------------------------------------------------------------------- */

static int resolve(struct hark__io_names **ret, const struct hark__io_question *question)
{
    struct hark__lookup *lookup = NULL;
    int error = hark__io_ask(ret, &lookup, question);

    if (error || !lookup) {
        return error;
    }
    error = hark__lookup_wait(lookup, question->call);
    if (!error && lookup->names->count == 0) {
        error = hark__lookup_failed(lookup, question);
    }
    if (!error) {
        *ret = lookup->names;
        lookup->names = NULL;
        hark__io_order(*ret);
    }
    hark__lookup_close(lookup);
    return error;
}

int hark__io_resolve(struct hark__io_names **ret, const char *call, const char *host, const char *port)
{
    struct hark__io_question question = {.call = call, .host = host, .port = port};

    return resolve(ret, &question);
}

static int check_options(const char *call, const hark_resolve_options *options)
{
    if (options->size != sizeof *options) {
        return hark__fail(-EINVAL, call,
                          "options.size is %lu; set it to sizeof(hark_resolve_options)",
                          (unsigned long)options->size);
    }
    if (options->family != 0 && options->family != AF_INET && options->family != AF_INET6) {
        return hark__fail(-EINVAL, call, "family %d is neither AF_INET nor AF_INET6",
                          options->family);
    }
    return 0;
}

int hark_resolve(const char *host, const char *port, hark_address *list, int max,
                 const hark_resolve_options *given)
{
    static const char call[] = "hark_resolve";
    static const hark_resolve_options plain = HARK_RESOLVE_OPTIONS_INIT;
    const hark_resolve_options *options = given ? given : &plain;
    struct hark__io_question question = {.call = call, .host = host, .port = port ? port : "0"};
    struct hark__io_names *names = NULL;
    int error = hark__enter_task(call);

    if (error || (error = check_options(call, options))) {
        return error;
    }
    if (!list || max < 1) {
        return hark__fail(-EINVAL, call, "there is no room for an address");
    }
    question.family = options->family;
    question.numeric = options->numeric;
    question.system = options->system;
    error = resolve(&names, &question);
    if (error) {
        return error;
    }
    int count = names->count < max ? names->count : max;
    memcpy(list, names->first, (size_t)count * sizeof *list);
    hark__io_names_free(names);
    return count;
}

/* ---- back ----------------------------------------------------------------------------------- */

static int library_name_of(const char *call, const hark_address *address, char *host, size_t size)
{
    char text[HARK__IO_ADDRESS_TEXT];
    struct name_job *name;
    int result;

    hark__io_address_text(address, text);
    name = new_job(text, NULL);
    if (!name) {
        return hark__fail(-ENOMEM, call, "no memory to look up %s", text);
    }
    name->address = *address;
    name->job.fn = look_back;
    if ((result = run_job(name, call))) {
        return result;
    }
    if (name->error) {
        result = hark__fail(code_of(name), call, "address %s: %s", text, words_of(name));
    } else if ((size_t)(result = (int)strlen(name->found)) >= size) {
        result =
            hark__fail(-EMSGSIZE, call, "address %s: its name has %d bytes, there is room for %lu",
                       text, result, (unsigned long)size);
    } else {
        memcpy(host, name->found, (size_t)result + 1);
    }
    free_job(&name->job);
    return result;
}

int hark_name_of(const struct sockaddr *given, char *host, size_t size)
{
    static const char call[] = "hark_name_of";
    hark_address address;
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (!given || !host || size == 0) {
        return hark__fail(-EINVAL, call, "%s", given ? "no room for a name" : "the address is NULL");
    }
    if (!hark__io_copy_address(&address, given)) {
        return hark__fail(-EINVAL, call, "it is no internet address");
    }
    hark_resolver *resolver = hark__io_resolver();
    int result = resolver && resolver->name_of
                     ? resolver->name_of(resolver, &address.at.any, host, size)
                     : -EOPNOTSUPP;
    return result == -EOPNOTSUPP ? library_name_of(call, &address, host, size) : result;
}
