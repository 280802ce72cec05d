/* SPDX-License-Identifier: MIT
 *
 * text.h - words for reports, built without allocation or locks, so that a signal handler may speak
 * too.
 *
 * A text is a small buffer in front of a descriptor, a FILE or a string: when it is full it is
 * written out (or cut, for a string). The formats are a few of printf's: %s %d %u %x %ld %lu %lx
 * %lld %llu %p %c %%.
 */
#ifndef HARK_BASE_TEXT_H
#define HARK_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct hark__text {
    char *bytes;
    size_t size, used;
    int fd;     /* written to when the buffer is full; -1: none */
    FILE *file; /* likewise; NULL: none */
};

/* Always zero-terminated, cut when full. */
void hark__text_to_string(struct hark__text *text, char *bytes, size_t size);
void hark__text_to_fd(struct hark__text *text, int fd, char *bytes, size_t size);
void hark__text_to_file(struct hark__text *text, FILE *file, char *bytes, size_t size);
void hark__text_put(struct hark__text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void hark__text_vput(struct hark__text *text, const char *format, va_list arguments);
void hark__text_duration(struct hark__text *text, int64_t nanoseconds); /* "1.5 s", "20 ms" */
void hark__text_flush(struct hark__text *text);

#endif
