#include <fcntl.h>

/* A counter that survives: the file has the old number or the new one, never half of it. */
static int count(const char *path)
{
    void *text;
    size_t size;
    long n = 0;
    int rc = hark_file_read_whole(path, &text, &size, 64);
    if (rc == 0 && sscanf(text, "%ld", &n) != 1)
        rc = -EBADMSG;
    hark_file_free(text);               /* NULL, if it could not be read */
    if (rc < 0 && rc != -ENOENT)
        return rc;
    char next[32];
    int length = snprintf(next, sizeof next, "%ld\n", n + 1);
    return hark_file_write_whole(path, next, (size_t)length, 0644);
}

static int append(const char *path, const char *line, size_t size)
{
    int fd = hark_file_open(path, O_WRONLY | O_APPEND | O_CREAT, 0644);
    if (fd < 0)
        return fd;
    int rc = hark_write_full(fd, line, size, NULL);
    if (rc == 0)
        rc = hark_file_sync(fd);        /* on the disk */
    hark_close(fd);
    return rc;
}
