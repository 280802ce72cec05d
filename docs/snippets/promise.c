static hark_promise ready;              /* all zero: pending */

static void *set_up(void *arg)          /* in a thread of its own */
{
    if (access(arg, R_OK))
        hark_promise_fail(&ready, -ENOENT, "there is no %s", (char *)arg);
    else
        hark_promise_send(&ready, arg);
    return NULL;
}

static int use(void *ret)               /* a task, in whatever loop */
{
    int rc = hark_promise_wait(&ready, ret);
    if (rc < 0)
        fprintf(stderr, "%s\n", hark_error_last()); /* the words have come along */
    return rc;
}
