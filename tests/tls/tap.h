/* SPDX-License-Identifier: MIT
 *
 * tap.h - a stream that somebody has his hands on: it passes on what another says, and may cut it,
 * change it, or count it on the way.
 */
#ifndef HARK_TESTS_TAP_H
#define HARK_TESTS_TAP_H

#include "../sync/scene.h"

#include <hark/stream.h>

struct tap {
    hark_stream below;
    size_t passed;  /* bytes that were read through it */
    size_t written; /* bytes that were written through it */
    size_t cut_at;  /* after so many the end comes; 0: never */
    size_t flip_at; /* the byte before this one is changed; 0: none */
};

SCENE_MAYBE ssize_t tap_read(hark_stream *s, void *buffer, size_t size)
{
    struct tap *tap = s->inner;

    if (tap->cut_at && size > tap->cut_at - tap->passed) {
        size = tap->cut_at - tap->passed;
    }
    if (size == 0) {
        return 0;
    }
    const ssize_t count = hark_stream_read(&tap->below, buffer, size);
    if (count <= 0) {
        return count;
    }
    if (tap->flip_at > tap->passed && tap->flip_at <= tap->passed + (size_t)count) {
        ((unsigned char *)buffer)[tap->flip_at - tap->passed - 1] ^= 0x40;
    }
    tap->passed += (size_t)count;
    return count;
}

SCENE_MAYBE ssize_t tap_write(hark_stream *s, const void *buffer, size_t size)
{
    struct tap *tap = s->inner;
    const ssize_t count = hark_stream_write(&tap->below, buffer, size);

    tap->written += count > 0 ? (size_t)count : 0;
    return count;
}

SCENE_MAYBE int tap_close(hark_stream *s)
{
    return hark_stream_close(&((struct tap *)s->inner)->below);
}

SCENE_MAYBE const hark_stream_class tap_kind = {
    .size = sizeof(hark_stream_class),
    .name = "tap",
    .read = tap_read,
    .write = tap_write,
    .close = tap_close,
};

/* What *s was is below it from now on. */
SCENE_MAYBE void tap_in(struct tap *tap, hark_stream *s)
{
    *tap = (struct tap){.below = *s};
    CHECK_EQ(hark_stream_open_class(s, &tap_kind, tap), 0);
}

#endif
