/* SPDX-License-Identifier: MIT
 *
 * text.c - building words with nothing but a buffer and write(2); see text.h.
 *
 * Rules    X1  No call here allocates, locks or changes errno for the caller, except through a
 *              FILE, which only ordinary calls use.
 *          X2  A string is always terminated and never longer than its buffer.
 */
#include "base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/sys.h"

void hark__text_to_string(struct hark__text *text, char *bytes, size_t size)
{
    *text = (struct hark__text){bytes, size - 1, 0, -1, NULL};
    bytes[0] = 0;
}

void hark__text_to_fd(struct hark__text *text, int fd, char *bytes, size_t size)
{
    *text = (struct hark__text){bytes, size - 1, 0, fd, NULL};
}

void hark__text_to_file(struct hark__text *text, FILE *file, char *bytes, size_t size)
{
    *text = (struct hark__text){bytes, size - 1, 0, -1, file};
}

void hark__text_flush(struct hark__text *text)
{
    int saved = errno;
    size_t done = 0;

    if (text->file) {
        fwrite(text->bytes, 1, text->used, text->file);
        fflush(text->file);
    } else if (text->fd >= 0) {
        while (done < text->used) {
            ssize_t n = hark__sys.write(text->fd, text->bytes + done, text->used - done);
            if (n < 0 && errno != EINTR) {
                break;
            }
            done += n > 0 ? (size_t)n : 0;
        }
    } else {
        return;
    }
    text->used = 0;
    errno = saved;
}

static void put_byte(struct hark__text *text, char byte)
{
    if (text->used == text->size) {
        hark__text_flush(text);
    }
    if (text->used < text->size) {
        text->bytes[text->used++] = byte;
        text->bytes[text->used] = 0;
    }
}

static void put_string(struct hark__text *text, const char *string)
{
    for (string = string ? string : "(null)"; *string; string++) {
        put_byte(text, *string);
    }
}

static void put_number(struct hark__text *text, uint64_t number, unsigned base, bool negative)
{
    char digits[24];
    int count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
    } while (number /= base);
    if (negative) {
        put_byte(text, '-');
    }
    while (count) {
        put_byte(text, digits[--count]);
    }
}

static void put_signed(struct hark__text *text, int64_t number)
{
    put_number(text, number < 0 ? -(uint64_t)number : (uint64_t)number, 10, number < 0);
}

/* One conversion: `wide` counts the letters l. Returns how its letter was understood. */
static void put_one(struct hark__text *text, char letter, int wide, va_list *arguments)
{
    switch (letter) {
    case 's': put_string(text, va_arg(*arguments, const char *)); break;
    case 'c': put_byte(text, (char)va_arg(*arguments, int)); break;
    case 'd': put_signed(text, wide ? va_arg(*arguments, long) : va_arg(*arguments, int)); break;
    case 'u':
        put_number(text, wide ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                   10, false);
        break;
    case 'x':
        put_number(text, wide ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned),
                   16, false);
        break;
    case 'p':
        put_string(text, "0x");
        put_number(text, (uintptr_t)va_arg(*arguments, void *), 16, false);
        break;
    default: put_byte(text, letter); break;
    }
}

void hark__text_vput(struct hark__text *text, const char *format, va_list arguments)
{
    va_list copy;

    va_copy(copy, arguments);
    for (; *format; format++) {
        int wide = 0;
        if (*format != '%') {
            put_byte(text, *format);
            continue;
        }
        for (format++; *format == 'l' || *format == 'z'; format++) {
            wide++;
        }
        if (!*format) {
            break;
        }
        put_one(text, *format, wide, &copy);
    }
    va_end(copy);
}

void hark__text_put(struct hark__text *text, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    hark__text_vput(text, format, arguments);
    va_end(arguments);
}

void hark__text_duration(struct hark__text *text, int64_t nanoseconds)
{
    static const struct {
        const char *name;
        int64_t unit;
    } units[] = {{"s", 1000000000}, {"ms", 1000000}, {"us", 1000}, {"ns", 1}};
    int i = 0;

    while (i < 3 && nanoseconds < units[i].unit) {
        i++;
    }
    put_signed(text, nanoseconds / units[i].unit);
    if (units[i].unit > 1 && nanoseconds / units[i].unit < 100) {
        put_byte(text, '.');
        put_signed(text, nanoseconds % units[i].unit * 10 / units[i].unit);
    }
    hark__text_put(text, " %s", units[i].name);
}
