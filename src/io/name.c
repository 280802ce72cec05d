/* SPDX-License-Identifier: MIT
 *
 * name.c - from host and port to addresses.
 *
 * Idea     Numbers are read here, at once, without a thread; so is "every address". Only what needs
 *          files or name servers goes to a worker thread and the C library's getaddrinfo, and only
 *          the task waits for it. Cancelled, it leaves at once; the worker ends alone.
 * Rules    N1  A job owns copies of everything that it uses, for it may outlive its task.
 *          N2  The answer is ours too: getaddrinfo's list is copied and freed in the worker.
 *          N3  A service name is looked up with the host, for then it costs one thread, not two.
 * Not here A cache, /etc/hosts, name servers: a resolver of our own comes with hark-dns.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>

#include "io/io.h"

struct name_job {
    hark__thread_job job;
    char *host, *port; /* host NULL: any; port NULL: `number` is it */
    int number;
    int error; /* EAI_...; for EAI_SYSTEM see */
    int system_error;
    struct hark__io_names *names;
    size_t size;
    char bytes[]; /* both strings */
};

static size_t size_of_names(int count)
{
    return sizeof(struct hark__io_names) + (size_t)count * sizeof(struct hark__io_address);
}

void hark__io_names_free(struct hark__io_names *names)
{
    if (names) {
        hark__free(names, size_of_names(names->count));
    }
}

const char *hark__io_address_text(const struct hark__io_address *address, char *text)
{
    bool v4 = address->at.any.sa_family == AF_INET;
    const void *bytes =
        v4 ? (const void *)&address->at.v4.sin_addr : (const void *)&address->at.v6.sin6_addr;

    if (!inet_ntop(v4 ? AF_INET : AF_INET6, bytes, text, HARK__IO_ADDRESS_TEXT)) {
        strcpy(text, "?");
    }
    return text;
}

/* ---- numbers -------------------------------------------------------------------------------- */

/* 0..65535; -1: no number; -2: too large a one. */
static int port_number(const char *port)
{
    int number = 0;

    for (const char *at = port; *at; at++) {
        if (*at < '0' || *at > '9') {
            return -1;
        }
        number = number > 65535 ? number : number * 10 + (*at - '0');
    }
    return !*port ? -1 : number > 65535 ? -2 : number;
}

static void put_port(struct hark__io_address *address, int port)
{
    if (address->at.any.sa_family == AF_INET) {
        address->at.v4.sin_port = htons((uint16_t)port);
    } else {
        address->at.v6.sin6_port = htons((uint16_t)port);
    }
}

static struct hark__io_names *new_names(int count)
{
    struct hark__io_names *names = hark__alloc(size_of_names(count));

    if (names) {
        names->count = count;
    }
    return names;
}

static void set_v4(struct hark__io_address *address, struct in_addr number)
{
    address->length = sizeof address->at.v4;
    address->at.v4.sin_family = AF_INET;
    address->at.v4.sin_addr = number;
}

static void set_v6(struct hark__io_address *address, const struct in6_addr *number)
{
    address->length = sizeof address->at.v6;
    address->at.v6.sin6_family = AF_INET6;
    address->at.v6.sin6_addr = *number;
}

/* An address that needs no looking up: 1; 0: it does; -ENOMEM. */
static int numeric(struct hark__io_names **ret, const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    bool any = !host || !*host;
    bool is_v4 = !any && inet_pton(AF_INET, host, &v4) == 1;
    bool is_v6 = !any && !is_v4 && inet_pton(AF_INET6, host, &v6) == 1;

    if (!any && !is_v4 && !is_v6) {
        return 0;
    }
    struct hark__io_names *names = new_names(any ? 2 : 1);
    if (!names) {
        return -ENOMEM;
    }
    if (any) {
        set_v6(&names->first[0], &in6addr_any);
        set_v4(&names->first[1], (struct in_addr){INADDR_ANY});
    } else if (is_v4) {
        set_v4(&names->first[0], v4);
    } else {
        set_v6(&names->first[0], &v6);
    }
    *ret = names;
    return 1;
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
    struct hark__io_names *names = new_names(count);
    if (!names) {
        return NULL;
    }
    count = 0;
    for (const struct addrinfo *info = list; info; info = info->ai_next) {
        if (is_internet(info)) {
            names->first[count].length = info->ai_addrlen;
            memcpy(&names->first[count++].at, info->ai_addr, info->ai_addrlen);
        }
    }
    return names;
}

static void look_up(hark__thread_job *job)
{
    struct name_job *name = container_of(job, struct name_job, job);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = name->host ? 0 : AI_PASSIVE,
    };
    struct addrinfo *list = NULL;

    name->error = hark__sys.getaddrinfo(name->host, name->port, &hints, &list);
    if (name->error) {
        name->system_error = errno;
        return;
    }
    name->names = copy(list);
    name->error = name->names ? 0 : EAI_MEMORY;
    hark__sys.freeaddrinfo(list);
}

static void free_job(hark__thread_job *job)
{
    struct name_job *name = container_of(job, struct name_job, job);

    hark__io_names_free(name->names);
    hark__free(name, name->size);
}

/* ---- in the loop ---------------------------------------------------------------------------- */

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

static int code_of(const struct name_job *name)
{
    switch (name->error) {
    case EAI_MEMORY: return -ENOMEM;
    case EAI_SYSTEM: return name->system_error ? -name->system_error : -EIO;
    case EAI_BADFLAGS:
    case EAI_FAMILY:
    case EAI_SOCKTYPE: return -EINVAL;
    default: return -ENOENT; /* unknown, or nobody could be asked: the words say which */
    }
}

static int told(struct hark__io_names **ret, const char *call, struct name_job *name,
                const char *host, const char *port)
{
    int error = 0;

    if (name->error) {
        error = hark__fail(code_of(name), call, "host \"%.60s\", port \"%.20s\": %s", host, port,
                           name->error == EAI_SYSTEM ? strerrordesc_np(name->system_error)
                                                     : gai_strerror(name->error));
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

static int look_up_and_wait(struct hark__io_names **ret, const char *call, const char *host,
                            const char *port, bool with_port)
{
    struct name_job *name = new_job(*host ? host : NULL, with_port ? port : NULL);

    if (!name) {
        return hark__fail(-ENOMEM, call, "no memory to look up \"%.60s\"", host);
    }
    int error = hark__thread_run(&name->job, HARK__THREAD_NAMES, call);
    if (error == -ECANCELED) {
        return error; /* the job is the worker's now */
    }
    if (error) {
        free_job(&name->job);
        return error;
    }
    return told(ret, call, name, host, port);
}

int hark__io_resolve(struct hark__io_names **ret, const char *call, const char *host, const char *port)
{
    int number = port_number(port), error = number >= 0 ? numeric(ret, host) : 0;
    const char *name = host ? host : "";

    if (number == -2 || !*port) {
        return hark__fail(-ENOENT, call,
                          "host \"%.60s\", port \"%.20s\": a port is a service's name or 0..65535",
                          name, port);
    }
    if (error == -ENOMEM) {
        return hark__fail(error, call, "host \"%.60s\", port \"%.20s\": no memory", name, port);
    }
    if (error == 0 && (error = look_up_and_wait(ret, call, name, port, number < 0))) {
        return error;
    }
    for (int i = 0; number >= 0 && i < (*ret)->count; i++) {
        put_port(&(*ret)->first[i], number);
    }
    return 0;
}
