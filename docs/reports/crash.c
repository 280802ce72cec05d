/* A task that goes by a pointer to nowhere, under a deadline. */
#include <hark.h>

struct account {
    int balance;
};

static int withdraw(struct account *account, int sum)
{
    account->balance -= sum;
    return account->balance < 0;
}

static int teller(void *arg)
{
    hark_scope scope;
    hark_task_name("teller");
    hark_scope_open(&scope, HARK_S(2));
    int rc = withdraw(arg, 100);
    return (int)hark_scope_close(&scope, rc);
}

static int bank(void *arg)
{
    hark_group group;
    (void)arg;
    hark_group_open(&group);
    hark_go(&group, teller, NULL);
    return hark_group_close(&group, 0);
}

int main(void)
{
    return hark_run(bank, NULL) < 0;
}
