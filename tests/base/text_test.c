/* SPDX-License-Identifier: MIT
 *
 * text_test.c - the promises of base/text.h.
 */
#include "base/text.h"

#include "kit.h"

TEST(text_understands_the_formats_that_it_names)
{
    char bytes[200];
    struct hark__text text;

    hark__text_to_string(&text, bytes, sizeof bytes);
    hark__text_put(&text, "%s %d %u %x %ld %lu %c %% %d", "word", -7, 8u, 255u, -9000000000L,
                   18446744073709551615UL, 'z', INT32_MIN);
    CHECK_STR(bytes, "word -7 8 ff -9000000000 18446744073709551615 z % -2147483648");
}

TEST(text_of_a_string_is_cut_and_terminated)
{
    char bytes[8];
    struct hark__text text;

    hark__text_to_string(&text, bytes, sizeof bytes);
    hark__text_put(&text, "%s", "much too long");
    CHECK_STR(bytes, "much to");
    hark__text_put(&text, "more");
    CHECK_STR(bytes, "much to");
}

TEST(text_of_a_descriptor_is_written_whole)
{
    char bytes[8], read_back[64] = {0};
    struct hark__text text;
    int fds[2];

    CHECK_EQ(pipe(fds), 0);
    hark__text_to_fd(&text, fds[1], bytes, sizeof bytes);
    hark__text_put(&text, "longer than the buffer, several times");
    hark__text_flush(&text);
    CHECK_EQ(read(fds[0], read_back, sizeof read_back - 1), 37);
    CHECK_STR(read_back, "longer than the buffer, several times");
    close(fds[0]);
    close(fds[1]);
}

TEST(text_keeps_errno)
{
    char bytes[8];
    struct hark__text text;

    hark__text_to_fd(&text, 999, bytes, sizeof bytes);
    errno = 42;
    hark__text_put(&text, "longer than the buffer");
    hark__text_flush(&text);
    CHECK_EQ(errno, 42);
}

TEST(text_says_durations_in_the_unit_that_fits)
{
    static const struct {
        int64_t nanoseconds;
        const char *words;
    } cases[] = {{0, "0 ns"},           {999, "999 ns"},       {1500, "1.5 us"},
                 {20000000, "20.0 ms"}, {250000000, "250 ms"}, {1500000000, "1.5 s"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char bytes[40];
        struct hark__text text;
        hark__text_to_string(&text, bytes, sizeof bytes);
        hark__text_duration(&text, cases[i].nanoseconds);
        CHECK_STR(bytes, cases[i].words);
    }
}
