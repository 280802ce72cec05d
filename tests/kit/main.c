/* SPDX-License-Identifier: MIT
 *
 * main.c - hark-tests: all tests of the house in one program. See kit.c.
 */
#include "kit.h"

int main(int argc, char **argv)
{
    return kit_main(argc, argv);
}
