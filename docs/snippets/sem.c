static hark_sem seats = HARK_SEM_INIT(8, 8);

static int dine(hark_fn *meal, void *guest)
{
    int rc = hark_sem_acquire(&seats);
    if (rc == 0) {
        rc = meal(guest);
        hark_sem_release(&seats);       /* to whoever has waited longest */
    }
    return rc;
}
