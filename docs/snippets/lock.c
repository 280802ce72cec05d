static hark_lock line;                  /* one conversation at a time */

static int converse(int fd, const char *question, size_t size, char *answer)
{
    int rc = hark_lock_acquire(&line);
    if (rc < 0) {
        return rc;                      /* -ECANCELED: it is not ours */
    }
    rc = hark_write_full(fd, question, size, NULL);
    if (rc == 0) {
        rc = hark_read_full(fd, answer, 4, NULL);
    }
    hark_lock_release(&line);           /* on every way out */
    return rc;
}
