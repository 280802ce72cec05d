/* SPDX-License-Identifier: MIT
 *
 * bare.c - tasks with nothing around them: a ring, 4 KiB stacks, no guard, nobody can be cancelled.
 *
 * No program should run like this. It says what the machine could do, and, beside guarded.c, what
 * safety costs.
 */
#define GUARDED 0
#include "tasks.h"

int main(int argc, char **argv)
{
    return answer(argc, argv);
}
