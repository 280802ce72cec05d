/* SPDX-License-Identifier: MIT
 *
 * 12_deadlock - two tasks wait for each other, and nothing else can ever happen.
 * hark_run says on stderr who waits for what, cancels everybody and returns -EDEADLK; printed here
 * is what the two tasks see of it.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <string.h>

struct party {
    const char *name;
    hark_event signed_by_me, *signed_by_other;
};

static int sign_after_the_other(void *arg)
{
    struct party *p = arg;
    hark_task_name("%s", p->name);
    int rc = hark_event_wait(p->signed_by_other);
    if (rc == 0)
        rc = hark_event_set(&p->signed_by_me);
    printf("%s: %s\n", p->name, strerror(-rc));
    return rc;
}

static int contract(void *arg)
{
    (void)arg;
    struct party buyer = {.name = "buyer"}, seller = {.name = "seller"};
    buyer.signed_by_other = &seller.signed_by_me;
    seller.signed_by_other = &buyer.signed_by_me;
    hark_group parties;
    hark_group_open(&parties);
    hark_go(&parties, sign_after_the_other, &buyer);
    hark_go(&parties, sign_after_the_other, &seller);
    return hark_group_close(&parties, 0);
}

int main(void)
{
    int rc = hark_run(contract, NULL);
    printf("the run: %s\n", strerror(-rc));
    return rc != -EDEADLK;
}
