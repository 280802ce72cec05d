/* SPDX-License-Identifier: MIT
 *
 * answer.c - a name server's answer, taken apart.
 *
 * Idea     One walk over the records, whatever their type; the texts go into one block that grows.
 *          Names, which may point backwards into the message, are read by c-ares, which knows
 *          that they may run in circles.
 * Rules    A1  Nothing is believed: each length is compared with what is left, and a message in which
 *              something does not fit is -EBADMSG as a whole.
 *          A2  How many records there are is counted, not read in the header.
 *          A3  Each text gets a zero byte.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"

#define HEADER  12
#define LONGEST 1025 /* a name of 255 bytes, each written as \DDD, and its zero byte */

struct reader {
    const unsigned char *bytes, *end, *at;
    bool bad;
};

struct builder {
    hark_dns_record *records;
    int count, room;
    char *texts; /* grows: texts are places in it until the end */
    size_t used, size;
    bool full; /* no memory */
};

static unsigned number(struct reader *reader, int bytes)
{
    unsigned value = 0;

    if (reader->end - reader->at < bytes) {
        reader->bad = true;
        reader->at = reader->end;
        return 0;
    }
    while (bytes-- > 0) {
        value = value << 8 | *reader->at++;
    }
    return value;
}

/* A name at the reader's place; it goes behind it. */
static void name(struct reader *reader, char text[LONGEST])
{
    char *found = NULL;
    long length = 0;

    text[0] = '\0';
    if (reader->bad || reader->at >= reader->end ||
        ares_expand_name(reader->at, reader->bytes, (int)(reader->end - reader->bytes), &found,
                         &length) != ARES_SUCCESS) {
        reader->bad = true;
        return;
    }
    if (strlen(found) >= LONGEST || length > reader->end - reader->at) {
        reader->bad = true;
    } else {
        memcpy(text, found, strlen(found) + 1);
        reader->at += length;
    }
    ares_free_string(found);
}

/* A copy with its zero byte; its place. */
static size_t put(struct builder *builder, const void *bytes, size_t size)
{
    size_t place = builder->used, room = builder->size;

    while (room - place <= size) {
        room = room ? room * 2 : 1024;
    }
    char *more = room == builder->size ? builder->texts : realloc(builder->texts, room);
    if (!more) {
        builder->full = true;
        return 0;
    }
    builder->texts = more;
    builder->size = room;
    memcpy(more + place, bytes, size);
    more[place + size] = '\0';
    builder->used = place + size + 1;
    return place;
}

/* Until all is read a field holds a place, for the texts may move. Place 0 is not used: NULL. */
static void put_text(struct builder *builder, const char **field, const void *bytes, size_t size)
{
    *field = (const char *)(uintptr_t)put(builder, bytes, size);
}

static void settle(const struct builder *builder, const char **field)
{
    *field = *field ? builder->texts + (uintptr_t)*field : NULL;
}

static hark_dns_record *new_record(struct builder *builder)
{
    if (builder->count == builder->room) {
        int room = builder->room ? builder->room * 2 : 8;
        hark_dns_record *more = realloc(builder->records, (size_t)room * sizeof *more);
        if (!more) {
            builder->full = true;
            return NULL;
        }
        builder->records = more;
        builder->room = room;
    }
    hark_dns_record *record = &builder->records[builder->count++];
    memset(record, 0, sizeof *record);
    return record;
}

/* ---- what the types hold -------------------------------------------------------------------- */

static void take_address(struct reader *data, hark_dns_record *record, int type)
{
    hark_address *address = &record->address;
    size_t size = type == HARK_DNS_A ? 4 : 16;

    if ((size_t)(data->end - data->at) != size) {
        data->bad = true;
    } else if (type == HARK_DNS_A) {
        address->length = sizeof address->at.v4;
        address->at.v4.sin_family = AF_INET;
        memcpy(&address->at.v4.sin_addr, data->at, size);
    } else {
        address->length = sizeof address->at.v6;
        address->at.v6.sin6_family = AF_INET6;
        memcpy(&address->at.v6.sin6_addr, data->at, size);
    }
}

static void take_host(struct reader *data, struct builder *builder, hark_dns_record *record, int type)
{
    char text[LONGEST];

    if (type == HARK_DNS_MX || type == HARK_DNS_SRV) {
        record->priority = (uint16_t)number(data, 2);
    }
    if (type == HARK_DNS_SRV) {
        record->weight = (uint16_t)number(data, 2);
        record->port = (uint16_t)number(data, 2);
    }
    name(data, text);
    data->bad |= data->at != data->end;
    put_text(builder, &record->host, text, strlen(text));
}

/* Strings of up to 255 bytes, one after another: copied, and then moved together. */
static void take_strings(struct reader *data, struct builder *builder, hark_dns_record *record)
{
    size_t left = (size_t)(data->end - data->at), used = 0;

    put_text(builder, (const char **)&record->data, data->at, left);
    if (builder->full) {
        return;
    }
    unsigned char *bytes = (unsigned char *)builder->texts + (uintptr_t)record->data, *at = bytes;
    while (left > 0) {
        size_t size = *at++;
        left--;
        if (left < size) {
            data->bad = true;
            return;
        }
        memmove(bytes + used, at, size);
        used += size;
        at += size;
        left -= size;
    }
    bytes[used] = '\0';
    record->length = used;
}

static void take_data(struct reader *data, struct builder *builder, hark_dns_record *record, int type)
{
    switch (type) {
    case HARK_DNS_A:
    case HARK_DNS_AAAA: take_address(data, record, type); break;
    case HARK_DNS_NS:
    case HARK_DNS_CNAME:
    case HARK_DNS_PTR:
    case HARK_DNS_MX:
    case HARK_DNS_SRV: take_host(data, builder, record, type); break;
    case HARK_DNS_TXT: take_strings(data, builder, record); break;
    default:
        record->length = (size_t)(data->end - data->at);
        put_text(builder, (const char **)&record->data, data->at, record->length);
        break;
    }
}

static void take_record(struct reader *reader, struct builder *builder, int wanted)
{
    char owner[LONGEST];

    name(reader, owner);
    int type = (int)number(reader, 2);
    unsigned class = number(reader, 2), ttl = number(reader, 4), size = number(reader, 2);
    if (reader->bad || (size_t)(reader->end - reader->at) < size) {
        reader->bad = true;
        return;
    }
    /* Names in the data may point to anywhere before; what is read in place ends with the data. */
    struct reader data = {.bytes = reader->bytes, .end = reader->at + size, .at = reader->at};
    reader->at += size;
    hark_dns_record *record = type == wanted && class == 1 ? new_record(builder) : NULL;
    if (record) {
        record->ttl = ttl >> 31 ? 0 : ttl; /* RFC 2181, 8 */
        put_text(builder, &record->name, owner, strlen(owner));
        take_data(&data, builder, record, type);
        reader->bad |= data.bad;
    }
}

/* ---- all of it ------------------------------------------------------------------------------ */

static void read_message(struct reader *reader, struct builder *builder, int type)
{
    char owner[LONGEST];

    reader->at = reader->bytes + 4; /* the number, the flags */
    unsigned questions = number(reader, 2), answers = number(reader, 2);
    number(reader, 4);
    for (; questions > 0 && !reader->bad; questions--) {
        name(reader, owner);
        number(reader, 4);
    }
    for (; answers > 0 && !reader->bad && !builder->full; answers--) {
        take_record(reader, builder, type);
    }
}

/* Of the same priority: as they came, which is how their names lie. */
static int by_priority(const void *a, const void *b)
{
    const hark_dns_record *one = a, *other = b;

    if (one->priority != other->priority) {
        return one->priority < other->priority ? -1 : 1;
    }
    return one->name < other->name ? -1 : one->name > other->name;
}

int hark__dns_take_apart(hark_dns_answer *answer, const unsigned char *bytes, int size, int type)
{
    struct reader reader = {.bytes = bytes, .end = bytes + size};
    struct builder builder = {0};

    *answer = (hark_dns_answer){0};
    if (size < HEADER) {
        return -EBADMSG;
    }
    put(&builder, "", 0);
    read_message(&reader, &builder, type);
    if (reader.bad || builder.full) {
        free(builder.records);
        free(builder.texts);
        return reader.bad ? -EBADMSG : -ENOMEM;
    }
    for (int i = 0; i < builder.count; i++) {
        settle(&builder, &builder.records[i].name);
        settle(&builder, &builder.records[i].host);
        settle(&builder, (const char **)&builder.records[i].data);
    }
    if (builder.count) {
        qsort(builder.records, (size_t)builder.count, sizeof *builder.records, by_priority);
    }
    answer->count = builder.count;
    answer->records = builder.records;
    answer->own = builder.texts;
    return builder.count;
}

void hark_dns_answer_free(hark_dns_answer *answer)
{
    if (answer) {
        free(answer->records);
        free(answer->own);
        *answer = (hark_dns_answer){0};
    }
}
