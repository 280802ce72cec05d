static hark_limiter uploads = HARK_LIMITER_INIT(4);

static int upload(hark_fn *send, void *file)
{
    int rc = hark_limiter_acquire(&uploads);
    if (rc == 0) {
        rc = send(file);
        hark_limiter_release(&uploads);
    }
    return rc;
}

static void on_battery(bool yes)
{
    hark_limiter_resize(&uploads, yes ? 1 : 4); /* who has one keeps it */
}
