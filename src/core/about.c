/* SPDX-License-Identifier: MIT
 *
 * about.c - facts for those who ask: hark/about.h.
 */
#include <hark/about.h>
#include <hark/loop.h>

#include "core/core.h"

const char *hark_version(void)
{
    return HARK__VERSION;
}

const char *hark_guard(void)
{
    return hark__guard_method();
}

const char *hark_hub(void)
{
    const hark_loop *loop = hark_loop_self();

    return loop ? loop->hub->class->name : "";
}
