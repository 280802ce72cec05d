static hark_lock lock;
static hark_cond changed;
static int free_bytes;

static int reserve(int bytes)
{
    int rc = hark_lock_acquire(&lock);
    if (rc < 0) {
        return rc;
    }
    while (rc == 0 && free_bytes < bytes) {
        rc = hark_cond_wait(&changed, &lock);
    }
    if (rc == 0) {
        free_bytes -= bytes;
    }
    hark_lock_release(&lock);           /* held again, cancelled or not */
    return rc;
}

static int give_back(int bytes)
{
    int rc = hark_lock_acquire(&lock);
    if (rc == 0) {
        free_bytes += bytes;
        hark_cond_notify_all(&changed);
        hark_lock_release(&lock);
    }
    return rc;
}
