static int body(void *arg)
{
    (void)arg;
    hark_dump_on(SIGUSR1);              /* kill -USR1 shows what it is waiting for */
    return hark_sleep(HARK_S(3600));
}
