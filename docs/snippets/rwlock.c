static hark_rwlock table;

static int look_up(hark_fn *search, void *key)
{
    int rc = hark_rwlock_read(&table);
    if (rc == 0) {
        rc = search(key);               /* may wait; nobody writes meanwhile */
        hark_rwlock_release(&table);
    }
    return rc;
}
