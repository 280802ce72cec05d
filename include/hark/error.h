/* SPDX-License-Identifier: MIT
 *
 * hark/error.h - failures in words.
 *
 * Every call returns a code; what happened, to whom, and what to do instead is kept per task, and
 * asked for only when somebody wants to read it. Outside any task it is kept per thread.
 */
#ifndef HARK_ERROR_H
#define HARK_ERROR_H

#include <hark/base.h>

HARK_BEGIN

/* hark_fail - record words and place of a failure of your own, and return `code`: return
 * hark_fail(-EPROTO, "bad version %d", v).
 *
 * Never blocks. Any thread. -EAGAIN and -ECANCELED are returned but not recorded. The words are cut
 * at 191 bytes. */
HARK_API int hark_fail(int code, const char *format, ...) HARK_PRINTF(2, 3);

/* hark_error_last - the calling task's latest failure in words: what happened, to which task and
 * primitive, what to do. "" if there was none.
 *
 * The text is valid until the task's next call into hark. */
HARK_API const char *hark_error_last(void);

/* hark_error_trace - where that failure was raised: the task, its spawn site, and up to 8 frames,
 * one a line. "" if there was none. Valid until the next call. */
HARK_API const char *hark_error_trace(void);

HARK_END
#endif
