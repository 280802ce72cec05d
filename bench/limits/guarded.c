/* SPDX-License-Identifier: MIT
 *
 * guarded.c - tasks with what a safe runtime cannot do without: 64 KiB of address space for each
 * stack, a guard below it, and a look at whether the task was cancelled before each wait.
 *
 * This is the limit that hark is measured against.
 */
#define GUARDED 1
#include "tasks.h"

int main(int argc, char **argv)
{
    return answer(argc, argv);
}
