static int reload_on_hangup(hark_fn *reload, void *settings)
{
    hark_signal hangup = HARK_SIGNAL_INIT;
    int rc = hark_signal_open(&hangup, SIGHUP);
    while (rc >= 0 && (rc = hark_signal_wait(&hangup)) == 0) {
        rc = reload(settings);          /* a task: it may wait and allocate */
    }
    hark_signal_close(&hangup);
    return rc;
}
