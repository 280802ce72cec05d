/* SPDX-License-Identifier: MIT
 *
 * pair.c - two ends at once: socket pairs and pipes. Neither waits, and both may be made anywhere.
 */
#include <fcntl.h>
#include <string.h>

#include "io/io.h"

static int made(const char *call, int result, int fds[2], int kind)
{
    if (result < 0) {
        int error = -errno;
        return hark__fail(error, call, "%s", strerrordesc_np(-error));
    }
    hark__fd_fresh(hark__loop_here(), fds[0], kind);
    hark__fd_fresh(hark__here, fds[1], kind);
    return 0;
}

int hark_socketpair(int fds[2])
{
    static const char call[] = "hark_socketpair";

    if (!fds) {
        return hark__fail(-EINVAL, call, "the array of descriptors is NULL");
    }
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    return made(call, hark__sys.socketpair(AF_UNIX, type, 0, fds), fds, FD_SOCKET);
}

int hark_pipe(int fds[2])
{
    static const char call[] = "hark_pipe";

    if (!fds) {
        return hark__fail(-EINVAL, call, "the array of descriptors is NULL");
    }
    return made(call, hark__sys.pipe2(fds, O_NONBLOCK | O_CLOEXEC), fds, FD_PIPE);
}
