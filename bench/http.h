/* SPDX-License-Identifier: MIT
 *
 * http.h - the page that the servers of the question http give, and what they must see in a
 * request: shared by bench/http.c and its limit. It knows nothing of hark.
 *
 * Rules
 *   1  A request ends with a blank line, wherever the bytes that came happen to be cut, and behind
 *      it the next may begin: that is found, not assumed.
 *   2  Only GET is answered, for what else there is may have a body.
 *   3  Who sends more than HTTP_MOST bytes without a blank line is let go of.
 */
#ifndef HARK_BENCH_HTTP_H
#define HARK_BENCH_HTTP_H

#include "serve.h"

#define HTTP_MOST 4096
#define HTTP_END  "\r\n\r\n"
#define HTTP_ANSWER \
    "HTTP/1.1 200 OK\r\n" \
    "Content-Type: text/plain\r\n" \
    "Content-Length: 64\r\n" \
    "\r\n" \
    "a page of sixty-four bytes, for everyone who asks for it: hello\n"

enum { HTTP_ANSWER_SIZE = sizeof HTTP_ANSWER - 1 };

static inline int http_is_get(const char *request, size_t size)
{
    return size > 4 && memcmp(request, "GET ", 4) == 0;
}

#endif
