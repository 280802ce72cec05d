/* SPDX-License-Identifier: MIT
 *
 * main.c - hark-tests: all tests of the house in one program. See kit.c, and model.c for --explore.
 */
#include "model.h"

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--explore") == 0) {
        return kit_explore_main(argc - 2, argv + 2);
    }
    return kit_main(argc, argv);
}
