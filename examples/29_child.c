/* SPDX-License-Identifier: MIT
 *
 * 29_child - run commands side by side, wait for their ends, and do not wait for ever.
 * Two take too long: one ends when it is asked to, the other does not listen and is killed. Each
 * is waited for to the end, also when the job is cancelled: that is what the shield is for.
 */
#include <errno.h>
#include <hark.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

extern char **environ;

static void put_an_end_to(pid_t pid, int *status)
{
    hark_scope cleanup;
    hark_scope_open(&cleanup, HARK_FOREVER);
    hark_scope_shield(&cleanup, true);
    kill(pid, SIGTERM);
    if (hark_within(HARK_MS(200), hark_child_wait(pid, status)) < 0) {
        kill(pid, SIGKILL); /* nobody can ignore that */
        hark_child_wait(pid, status);
    }
    hark_scope_close(&cleanup, 0);
}

static int job(void *command)
{
    char *arguments[] = {"sh", "-c", command, NULL};
    pid_t pid;
    int status = 0, rc = -posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ);
    if (rc < 0) {
        return hark_fail(rc, "cannot run a shell");
    }
    rc = (int)hark_within(HARK_S(1), hark_child_wait(pid, &status));
    if (rc == -ETIMEDOUT || rc == -ECANCELED) {
        put_an_end_to(pid, &status);
    }
    printf("%s: %s %d\n", (char *)command, WIFSIGNALED(status) ? "ended by signal" : "exit status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return rc == -ETIMEDOUT ? 0 : rc;
}

static int first_task(void *commands)
{
    hark_group jobs;
    int rc = hark_group_open(&jobs);
    for (char **command = commands; *command && rc >= 0; command++) {
        rc = (int)hark_go(&jobs, job, *command);
    }
    return hark_group_close(&jobs, rc);
}

int main(void)
{
    char *commands[] = {"exit 3", "exec sleep 60", "trap '' TERM; exec sleep 60", NULL};
    return hark_run(first_task, commands) < 0 && fprintf(stderr, "%s\n", hark_error_last()) > 0;
}
