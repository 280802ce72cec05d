/* SPDX-License-Identifier: MIT
 *
 * error.c - failures in words: recorded where they happen, put together when somebody asks.
 *
 * Idea     Each task keeps its latest failure in memory of its own, made at its first failure; a
 *          thread without a task keeps one too. Failing is rare and may cost a few hundred
 *          nanoseconds; -EAGAIN and -ECANCELED are not failures and cost nothing. Words that travel
 *          (a failed future's, a failed child's) are kept by the loop in a small ring, by serial:
 *          who comes too late gets the code alone.
 * Rules    E1  Recording never fails: without memory the loop's spare record is used.
 *          E2  What hark says of a misuse ends with whose task it was and where it was spawned;
 *              what the user said is given back as it was said.
 */
#include <string.h>

#include "core/core.h"
#include <hark/error.h>

#define SENTENCE 1024

static __thread struct hark__failure bare; /* of a thread without a task */

/* Without memory: it belongs to whoever needed it last. */
static struct hark__failure *spare(hark_loop *loop)
{
    hark_task owner = loop->running ? loop->running->id : 0;

    if (loop->spare_owner != owner) {
        loop->spare_failure.code = 0;
        loop->spare_owner = owner;
    }
    return &loop->spare_failure;
}

struct hark__failure *hark__failure_here(void)
{
    hark_loop *loop = hark__here;
    struct hark__extra *extra;

    if (!loop || !loop->runs) {
        return &bare;
    }
    if (!loop->running || !(extra = hark__task_extra(loop->running))) {
        return spare(loop);
    }
    if (!extra->failure) {
        extra->failure = hark__alloc(sizeof *extra->failure);
    }
    return extra->failure ? extra->failure : spare(loop);
}

const struct hark__failure *hark__failure_of(const hark__task *task)
{
    const hark_loop *loop = hark__here;

    if (task->extra && task->extra->failure) {
        return task->extra->failure;
    }
    return loop->spare_owner == task->id ? &loop->spare_failure : NULL;
}

void hark__failure_fill(struct hark__failure *failure, int code, const void *frame)
{
    hark_loop *loop = hark__here;
    hark__task *task = loop ? loop->running : NULL;

    failure->code = code;
    failure->task = 0;
    failure->site[0] = 0;
    failure->frame_count = 0;
    if (task) {
        const hark__stack *stack = hark__stack_at(frame, task->flags & TASK_CLASS);
        struct hark__text text;
        failure->task = task->id;
        hark__text_to_string(&text, failure->site, sizeof failure->site);
        hark__task_words(task, &text);
        failure->frame_count = (uint16_t)hark__frames_of(failure->frames, 8, frame, stack);
    }
}

/* The program's own words. */
void hark__failure_say(struct hark__failure *failure, const char *format, va_list arguments)
{
    failure->by_user = true;
    failure->words[0] = 0;
    if (format) {
        vsnprintf(failure->words, sizeof failure->words, format, arguments);
    }
}

int hark__fail(int code, const char *call, const char *format, ...)
{
    struct hark__failure *failure = hark__failure_here();
    va_list arguments;
    int used;

    hark__failure_fill(failure, code, __builtin_frame_address(0));
    used = snprintf(failure->words, sizeof failure->words, "%s: ", call);
    va_start(arguments, format);
    vsnprintf(failure->words + used, sizeof failure->words - (size_t)used, format, arguments);
    va_end(arguments);
    failure->by_user = false;
    return code;
}

int hark_fail(int code, const char *format, ...)
{
    struct hark__failure *failure;
    va_list arguments;

    if (code == -EAGAIN || code == -ECANCELED) {
        return code;
    }
    failure = hark__failure_here();
    hark__failure_fill(failure, code, __builtin_frame_address(0));
    va_start(arguments, format);
    hark__failure_say(failure, format, arguments);
    va_end(arguments);
    return code;
}

void hark__failure_adopt(const struct hark__failure *failure)
{
    struct hark__failure *mine = hark__failure_here();

    if (mine != failure) {
        *mine = *failure;
    }
}

/* ---- put together ---------------------------------------------------------------------------- */

/* Not a variable of the thread: where a library is loaded at run time, glibc has some 1.6 KiB for
 * those, of all libraries. NULL: no memory; then the words stand for the whole. */
static char *begin_sentence(struct hark__text *text)
{
    char *sentence = hark__thread_room(SENTENCE);

    if (sentence) {
        hark__text_to_string(text, sentence, SENTENCE);
    }
    return sentence;
}

const char *hark_error_last(void)
{
    const struct hark__failure *failure = hark__failure_here();
    struct hark__text text;
    const char *sentence = begin_sentence(&text);

    if (!sentence) {
        return failure->code ? failure->words : "";
    }
    if (failure->code) {
        hark__text_put(&text, "%s", failure->words);
        if (!failure->by_user && failure->site[0]) {
            hark__text_put(&text, " [%s, %s]",
                           strerrorname_np(-failure->code) ? strerrorname_np(-failure->code) : "?",
                           failure->site);
        }
    }
    return sentence;
}

const char *hark_error_trace(void)
{
    const struct hark__failure *failure = hark__failure_here();
    struct hark__text text;
    const char *sentence = begin_sentence(&text);

    if (!sentence) {
        return hark_error_last();
    }
    if (failure->code) {
        const char *name = strerrorname_np(-failure->code);
        hark__text_put(&text, "%s raised in %s", name ? name : "an error",
                       failure->site[0] ? failure->site : "a thread without a task");
        for (int i = 0; i < failure->frame_count; i++) {
            hark__text_put(&text, "\n  #%d ", i);
            hark__frame_put(&text, failure->frames[i], false);
        }
    }
    return sentence;
}

/* ---- words that travel ----------------------------------------------------------------------- */

uint64_t hark__words_keep(hark_loop *loop, const struct hark__failure *failure,
                          const hark_group *group)
{
    struct hark__words *words = &loop->words[loop->words_next % LOOP_WORDS];

    words->serial = loop->words_next++;
    words->group = group;
    words->looked_at = false;
    words->failure = *failure;
    return words->serial;
}

struct hark__words *hark__words_find(hark_loop *loop, uint64_t serial)
{
    struct hark__words *words = loop ? &loop->words[serial % LOOP_WORDS] : NULL;

    return words && serial && words->serial == serial ? words : NULL;
}

/* A group is closing: failures of its hark_go_future tasks that nobody has looked at are told
 * now. */
void hark__words_report_unseen(hark_loop *loop, const hark_group *group)
{
    for (int i = 0; i < LOOP_WORDS; i++) {
        struct hark__words *words = &loop->words[i];
        if (words->serial && words->group == group) {
            if (!words->looked_at && hark__lint_on(LINT_FUTURE)) {
                hark__report_line(
                    NULL, "a future failed, and nobody has looked at it: %s (%s) [lint: future]",
                    words->failure.words, words->failure.site);
            }
            words->group = NULL;
        }
    }
}
