static hark_once opened;
static int store;

static int open_store(void *path)
{
    store = hark_unix_connect(path);
    return store < 0 ? store : 0;       /* a failure: the next one tries */
}

static int ask_store(const char *question, size_t size)
{
    int rc = hark_once_run(&opened, open_store, "/run/store");
    return rc < 0 ? rc : hark_write_full(store, question, size, NULL);
}
