/* SPDX-License-Identifier: MIT
 *
 * facts.h - what a debugger must know of the library, in the library itself.
 *
 * Idea     A fact is a name and a value: where a field lies, what a number means, where a list
 *          begins. Every file states those of its own structs; the linker puts them side by side, and
 *          hark_debug_table says where. So a script reads live processes and cores of any build,
 *          without debug information and without knowing versions.
 *
 *              HARK__FACT(task_sp, "task.sp", offsetof(hark__task, sp));
 */
#ifndef HARK_BASE_FACTS_H
#define HARK_BASE_FACTS_H

#include <stdint.h>

struct hark__fact {
    char name[24];
    const void *value; /* a pointer, so that it may be an address; most are small numbers */
};

/* The section holds pointers: records themselves could be padded by a sanitizer. */
#define HARK__FACT_AT(symbol, words, address) \
    static const struct hark__fact fact_##symbol = {(words), (const void *)(address)}; \
    __attribute__((used, \
                   section("hark_facts"))) static const struct hark__fact *const fact_at_##symbol = \
        &fact_##symbol
#define HARK__FACT(symbol, words, number) HARK__FACT_AT(symbol, words, (uintptr_t)(number))

#endif
