static int body(void *arg)
{
    hark_cancel_on(SIGINT);             /* ^C cancels the whole run */
    return hark_sleep(HARK_S(*(int *)arg));
}

int main(void)
{
    hark_options options = {.size = sizeof options, .hub = "epoll", .stack_size = 128 << 10};
    return hark_run_with(&options, body, &(int){10}) < 0;
}
