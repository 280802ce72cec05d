/* SPDX-License-Identifier: MIT
 *
 * tools.h - what the room itself needs of the tools; the rest is in fiber.h (furniture of `fiber`).
 */
#ifndef HARK_FIBER_TOOLS_H
#define HARK_FIBER_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

/* A function that no sanitizer instruments: not its accesses, and not its entry and exit either
 * (clang's no_sanitize("thread") leaves those two in). */
#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define HARK__UNWATCHED __attribute__((disable_sanitizer_instrumentation))
#endif
#endif
#ifndef HARK__UNWATCHED
#define HARK__UNWATCHED __attribute__((no_sanitize_address, no_sanitize_thread))
#endif

bool hark__tools_valgrind(void);

/* Memory that holds no frame or variable any more, whatever AddressSanitizer remembers of it. */
void hark__tools_clean(const void *start, size_t size);

/* valgrind's list of stacks. */
unsigned hark__tools_stack_new(const void *low, const void *high);
void hark__tools_stack_gone(unsigned name);

#endif
