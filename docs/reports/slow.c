/* A task that computes for long without giving way. */
#include <hark.h>

static unsigned checksum(unsigned rounds)
{
    volatile unsigned sum = 1;
    for (unsigned i = 0; i < rounds; i++) {
        sum = sum * 31 + i;
    }
    return sum;
}

static int reader(void *arg)
{
    (void)arg;
    unsigned sum = checksum(100000000);
    int rc = hark_sleep(HARK_MS(1));
    return rc ? rc : (int)(sum & 1);
}

int main(void)
{
    const hark_options options = {.size = sizeof options, .slow_step = HARK_MS(10)};
    return hark_run_with(&options, reader, NULL) < 0;
}
