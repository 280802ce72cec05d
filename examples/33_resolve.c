/* SPDX-License-Identifier: MIT
 *
 * 33_resolve.c - the addresses of a name, and what is said of one that does not exist.
 *
 * Names are looked up in a worker thread of the library (or by hark-dns); meanwhile other tasks go
 * on, and a deadline cuts it short. A failure has a code for the program and words for a reader.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

static int show(const char *host, const char *port)
{
    char text[HARK_ADDRESS_TEXT];
    hark_address list[16];
    const int64_t rc = hark_within(HARK_S(10), hark_resolve(host, port, list, 16, NULL));

    if (rc < 0) {
        printf("%s: %s\n", host, rc == -ENOENT ? "there is no such name" : strerror((int)-rc));
        return (int)rc;
    }
    printf("%s:", host);
    for (int i = 0; i < rc; i++) {
        printf(" %s", hark_address_text(&list[i].at.any, text, sizeof text));
    }
    printf("\n");
    return 0;
}

static int run(void *arg)
{
    char text[HARK_ADDRESS_TEXT] = "";
    hark_address list[16];
    bool here = true;

    (void)arg;
    show("192.0.2.1", "80"); /* numbers are read at once */
    show("2001:db8::1", "443");
    show("nothing.invalid", "80");
    int count = hark_resolve("localhost", "80", list, 16, NULL);
    for (int i = 0; i < count; i++) { /* 127.0.0.1, ::1 or both, as the machine has it */
        hark_address_text(&list[i].at.any, text, sizeof text);
        here = here && (strcmp(text, "127.0.0.1:80") == 0 || strcmp(text, "[::1]:80") == 0);
    }
    printf("localhost: %s\n", count > 0 && here ? "this machine" : text);
    return 0;
}

int main(void)
{
    return hark_run(run, NULL) == 0 ? 0 : 1;
}
