#include <string.h>

/* Read settings again whenever somebody has written them. */
static int watch_settings(const char *folder, const char *name, int (*read_them)(void))
{
    hark_notify *n;
    hark_notify_event e;
    int rc = hark_notify_open(&n);
    if (rc == 0)                        /* the folder: editors replace the file itself */
        rc = hark_notify_add(n, folder, IN_CLOSE_WRITE | IN_MOVED_TO);
    while (rc >= 0 && (rc = hark_notify_wait(n, &e)) == 0) {
        bool lost = e.what & IN_Q_OVERFLOW;
        if (lost || strcmp(e.name, name) == 0)
            rc = read_them();
    }
    hark_notify_close(n);
    return rc;
}
