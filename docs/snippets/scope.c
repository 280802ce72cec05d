/* All of the exchange in two seconds; its good-bye has half a second more. */
static int64_t exchange(int fd, char *buffer, size_t size)
{
    hark_scope limit, last_words;
    hark_scope_open(&limit, HARK_S(2));
    int64_t rc = hark_write_full(fd, "hello\n", 6, NULL);
    if (rc == 0)
        rc = hark_read(fd, buffer, size);

    hark_scope_open(&last_words, HARK_MS(500));
    hark_scope_shield(&last_words, true);
    hark_scope_close(&last_words, hark_write_full(fd, "bye\n", 4, NULL));

    return hark_scope_close(&limit, rc);    /* -ETIMEDOUT if it was too slow */
}
