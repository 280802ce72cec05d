/* SPDX-License-Identifier: MIT
 *
 * trace.c - a schedule as a short text: "00201", or "0!m3.1" with a fault.
 *
 * One digit a choice, 0 to 9 and a to z; larger ones in brackets: "(40)". Zeroes at the end are not
 * written, for way 0 is what is taken where the text has ended; a text without any choice is "0".
 * Behind "!" stand a fault's letter, its place and its variant.
 */
#include <stdlib.h>
#include <string.h>

#include "testing/testing.h"

static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

static const struct {
    char letter;
    enum hark__fault_kind kind;
} letters[] = {
    {'c', HARK__FAULT_CANCEL},   {'s', HARK__FAULT_STOP},  {'m', HARK__FAULT_MEMORY},
    {'y', HARK__FAULT_SYSTEM},   {'h', HARK__FAULT_SHORT}, {'i', HARK__FAULT_INTERRUPT},
    {'p', HARK__FAULT_SPURIOUS}, {'l', HARK__FAULT_LATE},
};
#define LETTERS (sizeof letters / sizeof *letters)

uint32_t hark__trace_significant(const struct hark__trace *trace)
{
    uint32_t length = trace->length;

    while (length && !trace->path[length - 1].taken) {
        length--;
    }
    return length;
}

void hark__trace_write(const struct hark__trace *trace, char *bytes, size_t size)
{
    uint32_t length = hark__trace_significant(trace);
    struct hark__text text;

    hark__text_to_string(&text, bytes, size);
    for (uint32_t i = 0; i < length; i++) {
        uint16_t taken = trace->path[i].taken;
        if (taken < sizeof digits - 1) {
            hark__text_put(&text, "%c", digits[taken]);
        } else {
            hark__text_put(&text, "(%u)", taken);
        }
    }
    if (!length) {
        hark__text_put(&text, "0");
    }
    for (size_t i = 0; i < LETTERS; i++) {
        if (letters[i].kind == trace->fault.kind) {
            hark__text_put(&text, "!%c%u.%u", letters[i].letter, trace->fault.place,
                           trace->fault.variant);
        }
    }
    if (text.used == text.size) {
        bytes[0] = 0; /* full: a part of it would be another schedule */
    }
}

static int read_fault(struct hark__fault *fault, const char *text)
{
    char *end;

    for (size_t i = 0; i < LETTERS; i++) {
        if (letters[i].letter == *text) {
            fault->kind = letters[i].kind;
        }
    }
    if (!fault->kind) {
        return -EINVAL;
    }
    fault->place = (uint32_t)strtoul(text + 1, &end, 10);
    if (end == text + 1 || *end != '.') {
        return -EINVAL;
    }
    text = end + 1;
    fault->variant = (uint32_t)strtoul(text, &end, 10);
    return end == text || *end ? -EINVAL : 0;
}

/* One choice; the rest of the text, NULL: it cannot be read. */
static const char *read_choice(struct hark__chosen *chosen, const char *text)
{
    const char *digit = strchr(digits, *text);
    char *end;

    if (digit) {
        chosen->taken = (uint16_t)(digit - digits);
        return text + 1;
    }
    if (*text != '(') {
        return NULL;
    }
    chosen->taken = (uint16_t)strtoul(text + 1, &end, 10);
    return end == text + 1 || *end != ')' ? NULL : end + 1;
}

int hark__trace_read(struct hark__trace *trace, const char *text)
{
    trace->length = 0;
    trace->fault = (struct hark__fault){0};
    while (*text && *text != '!') {
        if (trace->length == HARK__PATH_MOST ||
            !(text = read_choice(&trace->path[trace->length++], text))) {
            return -EINVAL;
        }
    }
    return *text ? read_fault(&trace->fault, text + 1) : 0;
}
