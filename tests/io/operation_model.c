/* SPDX-License-Identifier: MIT
 *
 * operation_model.c - operations that the hub has, in every order: their ends, cancellations, and
 * the wish to cancel that comes too late.
 *
 * Idea     The simulated hub takes operations, and "the kernel" is a call from outside that ends one
 *          between any two steps: with success, or, if somebody has asked for that, as cancelled. It
 *          notes what it has done, and who waited compares.
 *
 * Rules    1  Whoever waits for an operation goes on only when it has ended: what it points to is the
 *             kernel's until then.
 *          2  -ECANCELED is said if and only if nothing was done.
 */
#include "core/core.h"
#include "stage.h"

#include <hark/file.h>

enum { TASKS = 2 };

static hark__hub *hub;
static struct hark__hub_class hub_class;
static int submitted, ended;
static bool done[TASKS]; /* by the kernel */
static const char *const paths[TASKS] = {"0", "1"};

static void end_one(void *arg)
{
    struct hark__operation *op = arg;
    const bool refuses = op->cancelled && hark_test_choose(2);

    ended++;
    done[op->path[0] - '0'] = !refuses;
    hark__sim_end(hub, op, refuses ? -ECANCELED : 0);
}

static int submit(hark__hub *self, struct hark__operation *op)
{
    const int rc = hark__hub_sim.submit(self, op);

    if (rc == 0) {
        submitted++;
        MUST(hark_test_outside(end_one, op) == 0);
    }
    return rc;
}

static void begin(void)
{
    hub_class = hark__hub_sim;
    hub_class.submit = submit;
    hub = hark__here->hub;
    hub->class = &hub_class;
    hark__sim_operate(hub);
    submitted = ended = 0;
    done[0] = done[1] = false;
    open_stage();
}

static int end(void)
{
    const int rc = hark_group_close(&group, 0);
    bool cancelled;

    MUST(submitted == ended && !hark__sim_operation(hub, &cancelled));
    hub->class = &hark__hub_sim;
    return rc;
}

static int remove_it(void *arg)
{
    const int which = (int)(intptr_t)arg;
    bool cancelled;

    stroll();
    const int rc = hark_file_unlink(paths[which]);
    const struct hark__operation *op = hark__sim_operation(hub, &cancelled);
    MUST(!op || op->path != paths[which]);
    MUST(rc == 0 || rc == -ECANCELED);
    MUST(done[which] == (rc == 0));
    return rc;
}

static int cancel_first(void *unused)
{
    (void)unused;
    stroll();
    hark_task_cancel(first); /* it may have ended by now */
    return 0;
}

/* Finds: an end that wakes nobody; a task that goes on while the kernel has its operation; one that
 * hears of a cancellation though all was done. */
MODEL(operation_against_cancel, .yields = 2)
{
    begin();
    first = go(remove_it, (void *)0);
    go(cancel_first, NULL);
    return end();
}

/* Finds: the end of one that is taken for the other's. */
MODEL(operation_two_at_once, .yields = 1)
{
    begin();
    first = go(remove_it, (void *)0);
    go(remove_it, (void *)1);
    go(cancel_first, NULL);
    return end();
}

/* Finds: a second operation that hears of what was meant for the first. */
MODEL(operation_again_after_cancel, .yields = 1)
{
    begin();
    first = go(remove_it, (void *)0);
    go(cancel_first, NULL);
    hark_task_wait(first);
    go(remove_it, (void *)1);
    const int rc = end();
    WANT(rc == 0 && done[1]);
    return rc;
}
