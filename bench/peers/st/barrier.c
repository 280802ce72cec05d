/* SPDX-License-Identifier: MIT
 *
 * State Threads: barrier. It has none: a condition and the number of the round.
 */
#include "peer.h"

static st_cond_t changed;
static long parties, waiting, turn;

static void rounds(long n, void *arg)
{
    (void)arg;
    while (n--) {
        if (++waiting == parties) {
            waiting = 0;
            turn++;
            st_cond_broadcast(changed);
            continue;
        }
        for (long mine = turn; mine == turn;)
            st_cond_wait(changed);
    }
}

static void *other(void *arg)
{
    for (;;)
        rounds(1, arg);
}

int main(int argc, char **argv)
{
    parties = bench_size(argc, argv, 1, 1);
    begin();
    changed = st_cond_new();
    for (long i = 1; i < parties; i++)
        spawn(other, NULL, 0);
    double ns = bench_ns(rounds, 3000000 / parties, NULL) / parties;
    bench_say(parties > 1 ? "ns_per_party" : "ns_alone", ns, "ns");
    return 0;
}
