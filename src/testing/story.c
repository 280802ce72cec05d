/* SPDX-License-Identifier: MIT
 *
 * story.c - a schedule in words: who runs, what that leads to, what the world does in between.
 *
 *         3  task 3 "waiter" goes on: its wait for an event has ended with 0
 *            ... and waits for time to pass
 *            time goes on: 5 ms
 *            ... which is a deadline of task 4 "main"
 *
 * It is written to the board while the schedule runs, so it is there even if the process dies.
 */
#include <stdarg.h>
#include <string.h>

#include "testing/testing.h"

#define ROOM 512 /* for one more line */

static const char *line_after(const char *text)
{
    const char *end = strchr(text, '\n');
    return end ? end + 1 : text + strlen(text);
}

/* A long story keeps its beginning and its end. */
static void make_room(struct hark__board *board)
{
    static const char gap[] = "      [... and so on ...]\n";
    char *story = board->story, *cut = story + (line_after(story + HARK__STORY_BYTES / 4) - story);
    const char *rest = line_after(story + HARK__STORY_BYTES / 2);
    size_t length = strlen(rest);

    if (strncmp(cut, gap, sizeof gap - 1) != 0) {
        memcpy(cut, gap, sizeof gap - 1);
    }
    cut += sizeof gap - 1;
    memmove(cut, rest, length + 1);
    board->story_used = (uint32_t)(cut + length - story);
}

void hark__story_put(const char *format, ...)
{
    struct hark__board *board = hark__explorer.board;
    struct hark__text text;
    va_list arguments;

    if (!hark__explorer.telling) {
        return;
    }
    if (board->story_used + ROOM > sizeof board->story) {
        make_room(board);
    }
    hark__text_to_string(&text, board->story + board->story_used,
                         sizeof board->story - board->story_used);
    va_start(arguments, format);
    hark__text_vput(&text, format, arguments);
    va_end(arguments);
    board->story_used += (uint32_t)text.used;
}

const char *hark__story_title(const hark__task *task)
{
    static char title[96];
    struct hark__text text;

    hark__text_to_string(&text, title, sizeof title);
    hark__task_title(task, &text);
    return title;
}

static void put_number(uint32_t number)
{
    const char *space = number < 10 ? "   " : number < 100 ? "  " : number < 1000 ? " " : "";

    hark__story_put("%s%u  ", space, number);
}

static void put_result(int result)
{
    const char *name = result < 0 ? strerrorname_np(-result) : NULL;

    if (name) {
        hark__story_put("-%s\n", name);
    } else {
        hark__story_put("%d\n", result);
    }
}

/* ---- time ------------------------------------------------------------------------------------ */

/* Sleeps are not told: who waits for one has said until when. */
static void put_timer(const struct hark_timer *timer)
{
    const hark_scope *scope = hark__scope_of_timer(timer);

    if (scope) {
        hark__story_put("      ... which is a deadline of %s\n", hark__story_title(scope->task));
    } else if (hark__watch_of_timer(timer)) {
        hark__story_put("      ... which is a callback's time\n");
    }
}

static void put_timers(const struct hark_timer *head, int64_t due)
{
    for (const struct hark_timer *timer = head->next; timer && timer != head; timer = timer->next) {
        if (timer->deadline == due) {
            put_timer(timer);
        }
    }
}

void hark__story_time(const hark_loop *loop, int64_t next)
{
    struct hark__text text;
    char words[32];

    if (!hark__explorer.telling) {
        return;
    }
    hark__text_to_string(&text, words, sizeof words);
    hark__text_duration(&text, next - loop->virtual_now);
    hark__story_put("      time goes on: %s\n", words);
    for (unsigned i = 0; i < HARK__WHEEL_LEVELS * HARK__WHEEL_SLOTS; i++) {
        put_timers(hark__wheel_head(&loop->wheel, i / HARK__WHEEL_SLOTS, i % HARK__WHEEL_SLOTS),
                   next);
    }
}

/* ---- steps ----------------------------------------------------------------------------------- */

void hark__story_step(uintptr_t entry)
{
    const hark__task *task = (const hark__task *)(entry & ~(uintptr_t)READY_KIND);
    bool is_watch = (entry & READY_KIND) == READY_WATCH;

    hark__explorer.running = 0;
    if (!hark__explorer.telling || (!is_watch && task->id == hark__explorer.conductor)) {
        return;
    }
    put_number(hark__explorer.steps);
    if (is_watch) {
        hark__story_put("a callback runs\n");
        return;
    }
    hark__explorer.running = task->id;
    hark__story_put("%s ", hark__story_title(task));
    switch (entry & READY_KIND) {
    case READY_NEW: hark__story_put("begins\n"); break;
    case READY_TASK:
        hark__story_put("goes on: its wait for %s has ended with ", task->wait->what);
        put_result(hark__group_waits(task) ? 0 : task->result); /* else it is for `after` only */
        break;
    default: hark__story_put("goes on\n"); break;
    }
}

static void put_waiting(const hark__task *task)
{
    char words[128];
    struct hark__text text;

    hark__text_to_string(&text, words, sizeof words);
    if (task->wait->describe) {
        task->wait->describe(task, &text);
    }
    hark__story_put("      ... and waits for %s%s\n", task->wait->what, words);
}

void hark__story_stepped(void)
{
    hark_task id = hark__explorer.running;
    const hark__task *task = id && hark__here ? hark__task_find(hark__here, id) : NULL;

    if (!id || !hark__here) { /* nothing is told, or by another thread */
        return;
    }
    if (!task) {
        hark__story_put("      ... and ends\n");
    } else if (task->state == TASK_PARKED) {
        put_waiting(task);
    } else if (task->state == TASK_READY) {
        hark__story_put("      ... and lets others run\n");
    }
    hark__explorer.running = 0;
}

void hark__story_waiting(void)
{
    struct hark__board *board = hark__explorer.board;
    struct hark__text text;

    if (!hark__explorer.telling || !hark__explorer.active || !hark__here) {
        return;
    }
    if (board->story_used + 8 * ROOM > sizeof board->story) {
        make_room(board);
    }
    hark__text_to_string(&text, board->story + board->story_used,
                         sizeof board->story - board->story_used);
    hark__report_tree(hark__here, &text);
    board->story_used += (uint32_t)text.used;
}
