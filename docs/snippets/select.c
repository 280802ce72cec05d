static int next_line(int fd, hark_event *stop, char *line, size_t size)
{
    hark_case cases[] = {
        hark_on_fd(fd, POLLIN),
        hark_on_event(stop),
        hark_on_time(hark_now() + HARK_S(60)),
    };
    switch (hark_select(cases, 3)) {
    case 0:
        return (int)hark_read(fd, line, size);
    case 1:
        return 0;
    case 2:
        return -ETIMEDOUT;
    default:
        return -ECANCELED;
    }
}
