/* SPDX-License-Identifier: MIT
 *
 * roster.c - the records of all tasks, and their ids.
 *
 * Idea     Records stand densely in chunks of 2 MiB, so that waking a million tasks walks through
 *          memory in order. Chunks are numbered for the whole process; an id is a record's place in
 *          that numbering (its lower half, from 1) and how often the place was used before (its
 *          upper half). So an id leads to its record without a table, the first ids are 1, 2, 3,
 *          and none is ever used twice.
 * Rules    R1  A chunk's number belongs to one roster at a time; when it comes back, the next owner
 *              goes on counting uses where the last one stopped.
 *          R2  A free record's id is the one that it will have next.
 *          R3  A place whose count of uses is exhausted (after two thousand million tasks) is
 *              retired: a record lost is cheaper than an id used twice.
 *          R4  A record's memory stays mapped as long as the roster, so that a report may walk all
 *              records at any instant.
 *          R5  What every task begins and ends with stays in a free record: its own scope is the
 *              innermost one, and it has no extras.
 */
#include <string.h>
#include <sys/mman.h>

#include "base/facts.h"
#include "core/core.h"

#define CHUNK_RECORDS 16384u
#define CHUNK_BYTES   (CHUNK_RECORDS * sizeof(hark__task)) /* 2 MiB: a huge page */
#define CHUNK_NUMBERS (1u << 17) /* times CHUNK_RECORDS: all positive ints */

struct hark__chunk {
    hark__task *records;
    uint32_t number;
    uint32_t used; /* records handed out at least once */
    uint32_t uses; /* how often the places of this number were used before we had it */
};

HARK__FACT(roster_chunks, "roster.chunks", offsetof(struct hark__roster, chunks));
HARK__FACT(roster_count, "roster.count", offsetof(struct hark__roster, count));
HARK__FACT(chunk_size, "chunk.size", sizeof(struct hark__chunk));
HARK__FACT(chunk_records, "chunk.records", offsetof(struct hark__chunk, records));
HARK__FACT(chunk_used, "chunk.used", offsetof(struct hark__chunk, used));

/* For each number: who owns the chunk now (a loop's id; 0: nobody), its place in the owner's table,
 * and how often its places were used. */
static struct {
    uint32_t loop, place, uses;
} numbers[CHUNK_NUMBERS];
static pthread_mutex_t numbers_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t lowest_free;

static bool take_number(uint32_t loop, uint32_t place, struct hark__chunk *chunk)
{
    bool found = false;

    pthread_mutex_lock(&numbers_lock);
    for (uint32_t i = lowest_free; i < CHUNK_NUMBERS && !found; i++) {
        if (!numbers[i].loop && numbers[i].uses < ROSTER_USES) {
            numbers[i].place = place;
            __atomic_store_n(&numbers[i].loop, loop, __ATOMIC_RELEASE);
            chunk->number = i;
            chunk->uses = numbers[i].uses;
            lowest_free = i + 1;
            found = true;
        }
    }
    pthread_mutex_unlock(&numbers_lock);
    return found;
}

/* Rule R1: by rule R2 the records themselves say where to go on counting. */
static void give_number(const struct hark__chunk *chunk)
{
    uint32_t uses = chunk->uses;

    for (uint32_t i = 0; i < chunk->used; i++) {
        uint32_t next = (uint32_t)((uint64_t)chunk->records[i].id >> 32);
        uses = next > uses ? next : uses;
    }
    pthread_mutex_lock(&numbers_lock);
    numbers[chunk->number].uses = uses;
    __atomic_store_n(&numbers[chunk->number].loop, 0, __ATOMIC_RELEASE);
    lowest_free = chunk->number < lowest_free ? chunk->number : lowest_free;
    pthread_mutex_unlock(&numbers_lock);
}

void hark__roster_hold(void)
{
    pthread_mutex_lock(&numbers_lock);
}

void hark__roster_release(void)
{
    pthread_mutex_unlock(&numbers_lock);
}

int hark__roster_open(struct hark__roster **ret, uint32_t loop)
{
    *ret = hark__alloc(sizeof **ret);
    if (!*ret) {
        return -ENOMEM;
    }
    (*ret)->loop = loop;
    return 0;
}

void hark__roster_close(struct hark__roster *roster)
{
    for (uint32_t i = 0; i < roster->count; i++) {
        give_number(&roster->chunks[i]);
        hark__unmap(roster->chunks[i].records, CHUNK_BYTES);
    }
    hark__free(roster->chunks, roster->room * sizeof *roster->chunks);
    hark__free(roster, sizeof *roster);
}

static bool add_chunk(struct hark__roster *roster)
{
    struct hark__chunk chunk = {0};

    if (roster->count == roster->room) {
        uint32_t room = roster->room ? 2 * roster->room : 4;
        struct hark__chunk *larger = hark__alloc(room * sizeof chunk), *old = roster->chunks;
        if (!larger) {
            return false;
        }
        if (old) {
            memcpy(larger, old, roster->count * sizeof chunk);
        }
        roster->chunks = larger; /* a signal handler may walk it: the old one goes afterwards */
        atomic_signal_fence(memory_order_seq_cst);
        hark__free(old, roster->room * sizeof chunk);
        roster->room = room;
    }
    chunk.records = hark__map(CHUNK_BYTES);
    if (!chunk.records) {
        return false;
    }
    if (roster->count) { /* whoever needs a second one will need most of it */
        hark__sys.madvise(chunk.records, CHUNK_BYTES, MADV_HUGEPAGE);
    }
    if (!take_number(roster->loop, roster->count, &chunk)) {
        hark__unmap(chunk.records, CHUNK_BYTES);
        return false;
    }
    roster->chunks[roster->count] = chunk;
    atomic_signal_fence(memory_order_seq_cst);
    roster->count++;
    return true;
}

static hark_task first_id(const struct hark__chunk *chunk, uint32_t place)
{
    return (hark_task)((uint64_t)chunk->uses << 32 | (chunk->number * CHUNK_RECORDS + place + 1));
}

hark__task *hark__roster_more(struct hark__roster *roster)
{
    struct hark__chunk *last = roster->count ? &roster->chunks[roster->count - 1] : NULL;

    if (unlikely(!last || last->used == CHUNK_RECORDS)) {
        if (!add_chunk(roster)) {
            return NULL;
        }
        last = &roster->chunks[roster->count - 1];
    }
    hark__task *task = &last->records[last->used];
    task->id = first_id(last, last->used++);
    task->level = &task->base; /* rule R5 */
    return task;
}

static struct hark__chunk *chunk_of(struct hark__roster *roster, hark_task id)
{
    uint32_t number = ((uint32_t)id - 1) / CHUNK_RECORDS;

    if ((uint32_t)id - 1 >= CHUNK_NUMBERS * CHUNK_RECORDS ||
        __atomic_load_n(&numbers[number].loop, __ATOMIC_ACQUIRE) != roster->loop) {
        return NULL;
    }
    return &roster->chunks[numbers[number].place];
}

bool hark__roster_owns(const struct hark__roster *roster, const void *pointer)
{
    for (uint32_t i = 0; i < roster->count; i++) {
        uintptr_t offset = (uintptr_t)pointer - (uintptr_t)roster->chunks[i].records;
        if (offset < roster->chunks[i].used * sizeof(hark__task) && offset % sizeof(hark__task) == 0) {
            return true;
        }
    }
    return false;
}

/* For the audit: rules R1, R2 and R5. */
const char *hark__roster_check(const struct hark__roster *roster, uint32_t *living)
{
    uint32_t unused = 0, listed = 0;

    *living = 0;
    for (uint32_t i = 0; i < roster->count; i++) {
        const struct hark__chunk *chunk = &roster->chunks[i];
        if (numbers[chunk->number].loop != roster->loop || numbers[chunk->number].place != i) {
            return "R1: a chunk's number belongs to somebody else";
        }
        for (uint32_t place = 0; place < chunk->used; place++) {
            const hark__task *task = &chunk->records[place];
            if ((uint32_t)task->id != chunk->number * CHUNK_RECORDS + place + 1) {
                return "R2: a record's id is not the one of its place";
            }
            if (task->state == TASK_FREE &&
                (task->level != &task->base || task->base.inner || task->extra)) {
                return "R5: a free record is not as its next task will need it";
            }
            *living += task->state != TASK_FREE;
            unused += task->state == TASK_FREE && (uint64_t)task->id >> 32 < ROSTER_USES;
        }
    }
    for (const hark__task *task = roster->free; task; task = task->next) {
        if (!hark__roster_owns(roster, task) || task->state != TASK_FREE || ++listed > unused) {
            return "R2: the list of free records holds one that is not free, or goes round";
        }
    }
    return listed == unused ? NULL : "R2: a free record is not in the list of free ones";
}

hark__task *hark__roster_find(struct hark__roster *roster, hark_task id)
{
    struct hark__chunk *chunk = id > 0 ? chunk_of(roster, id) : NULL;
    uint32_t place = ((uint32_t)id - 1) % CHUNK_RECORDS;

    if (!chunk || place >= chunk->used) {
        return NULL;
    }
    hark__task *task = &chunk->records[place];
    return task->state != TASK_FREE && task->id == id ? task : NULL;
}

hark__task *hark__roster_next(struct hark__roster *roster, const hark__task *after)
{
    uint32_t i = 0, place = 0;

    if (after) {
        i = numbers[((uint32_t)after->id - 1) / CHUNK_RECORDS].place;
        place = ((uint32_t)after->id - 1) % CHUNK_RECORDS + 1;
    }
    for (; i < roster->count; i++, place = 0) {
        for (; place < roster->chunks[i].used; place++) {
            if (roster->chunks[i].records[place].state != TASK_FREE) {
                return &roster->chunks[i].records[place];
            }
        }
    }
    return NULL;
}
