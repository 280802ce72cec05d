/* The exit status of a command, which has a minute. (29_child minds cancellation, too.) */
static int run(char *command)
{
    char *arguments[] = {"sh", "-c", command, NULL};
    pid_t pid;
    int status, rc = -posix_spawn(&pid, "/bin/sh", NULL, NULL, arguments, environ);
    if (rc == 0) {
        rc = (int)hark_within(HARK_S(60), hark_child_wait(pid, &status));
    }
    if (rc == -ETIMEDOUT) {
        kill(pid, SIGKILL);
        hark_child_wait(pid, NULL);
    }
    return rc < 0 ? rc : WEXITSTATUS(status);
}
