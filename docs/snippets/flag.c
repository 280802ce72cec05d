/* A gate: while it is closed, tasks queue up before it. */
static hark_flag gate;

static int visitor(void *arg)
{
    (void)arg;
    return hark_flag_wait(&gate);
}

static void open_for_a_moment(void)
{
    hark_flag_set(&gate);               /* all who wait go through, ... */
    hark_flag_clear(&gate);             /* ... who comes now waits again */
}
