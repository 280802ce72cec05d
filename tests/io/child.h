/* SPDX-License-Identifier: MIT
 *
 * child.h - what the tests of processes have in common: how a child is asked for, what is known of
 * it, and a kernel without descriptors of processes.
 *
 * Rules    1  BOTH_WAYS(name) is INSIDE of the scene, on every hub, with the real clock: once as it
 *             is, once without pidfd_open. At its end no child is left.
 */
#ifndef HARK_TESTS_CHILD_H
#define HARK_TESTS_CHILD_H

#include <hark/child.h>
#include <hark/process.h>
#include <hark/testing.h>
#include <sys/wait.h>

#include "core/core.h"
#include "wire.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define HOW(...)  (&(const hark_process_options){.size = sizeof(hark_process_options), __VA_ARGS__})

SCENE_MAYBE int refused;

SCENE_MAYBE int refuse_pidfd(pid_t pid, unsigned flags)
{
    (void)pid;
    (void)flags;
    errno = refused;
    return -1;
}

SCENE_MAYBE void without_pidfd(int error)
{
    refused = error;
    hark__sys.pidfd_open = refuse_pidfd;
}

SCENE_MAYBE int no_kill(pid_t pid, int signo)
{
    kit_fail(__FILE__, __LINE__, "kill(%d, %d)", (int)pid, signo);
}

SCENE_MAYBE int no_pidfd_send_signal(int fd, int signo, siginfo_t *info, unsigned flags)
{
    (void)info;
    (void)flags;
    kit_fail(__FILE__, __LINE__, "pidfd_send_signal(%d, %d)", fd, signo);
}

/* Neither running nor dead. */
SCENE_MAYBE bool no_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 && errno == ECHILD;
}

SCENE_MAYBE bool is_gone(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* Until the kernel knows of its end, without reaping it. */
SCENE_MAYBE void await_zombie(pid_t pid)
{
    siginfo_t info;
    CHECK_EQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

SCENE_MAYBE void await_byte(int fd)
{
    char byte;
    CHECK_EQ(hark_read(fd, &byte, 1), 1);
}

SCENE_MAYBE void sh(hark_process *p, const hark_process_options *options, const char *script)
{
    CHECK_EQ(hark_process_open(p, options, ARGV("sh", "-c", script)), 0);
}

#define BOTH_WAYS(name) \
    static void both_##name(void); \
    INSIDE_BY(TEST_ON_HUBS, RUN, name) \
    { \
        both_##name(); \
        CHECK(no_children()); \
    } \
    INSIDE_BY(TEST_ON_HUBS, RUN, name##_by_sigchld) \
    { \
        without_pidfd(ENOSYS); \
        both_##name(); \
        CHECK(no_children()); \
    } \
    static void both_##name(void)

#endif
