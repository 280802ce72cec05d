/* SPDX-License-Identifier: MIT
 *
 * kit_test.c - the kit tested by itself: hidden tests that must fail, and the runner run on them.
 *
 * Method   run_kit() forks, runs kit_main() in the child with its output in a file, and keeps its
 *          status and words. The hidden tests below are run by their exact names only.
 */
#include "kit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

static char words[1 << 16];

/* The runner's exit status on these arguments (up to two); what it printed is in `words`. */
static int run_kit(const char *first, const char *second)
{
    char *args[] = {"hark-tests", (char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL};
    int status = 0;
    FILE *file = tmpfile();
    CHECK(file);
    const pid_t pid = fork();
    CHECK_GE(pid, 0);
    if (pid == 0) {
        dup2(fileno(file), STDOUT_FILENO);
        dup2(fileno(file), STDERR_FILENO);
        const int rc = kit_main(second ? 3 : 2, args);
        fflush(NULL);
        _exit(rc);
    }
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    const ssize_t n = pread(fileno(file), words, sizeof(words) - 1, 0);
    words[n > 0 ? n : 0] = '\0';
    fclose(file);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* ---- what must fail -------------------------------------------------------------------------- */

TEST_HIDDEN(kit_hidden_passes)
{
}

TEST_HIDDEN(kit_hidden_compares)
{
    CHECK_EQ(2 + 2, -ETIMEDOUT);
}

TEST_HIDDEN(kit_hidden_strings)
{
    CHECK_STR("heart", "hearth");
}

static void *compare_in_thread(void *arg)
{
    CHECK_GT((intptr_t)arg, 1);
    return NULL;
}

TEST_HIDDEN(kit_hidden_thread)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, NULL, compare_in_thread, NULL), 0);
    pthread_join(thread, NULL);
    _exit(0);
}

TEST_HIDDEN(kit_hidden_exits)
{
    exit(0);
}

TEST_HIDDEN(kit_hidden_leaks_fd)
{
    CHECK_GE(open("/dev/null", O_RDONLY), 0);
}

TEST_HIDDEN(kit_hidden_closes_fd)
{
    close(STDIN_FILENO);
}

TEST_HIDDEN_TIMEOUT(kit_hidden_hangs, 1)
{
    for (;;) {
        pause();
    }
}

/* Deaf to SIGQUIT, as is its child, which holds the output open: both must go. */
TEST_HIDDEN_TIMEOUT(kit_hidden_deaf, 1)
{
    signal(SIGQUIT, SIG_IGN);
    const pid_t child = fork();
    if (child > 0) {
        printf("child %d\n", (int)child);
    }
    for (;;) {
        pause();
    }
}

TEST_HIDDEN_DIES(kit_hidden_dies_well, SIGABRT, "last words")
{
    fprintf(stderr, "these are my last words\n");
    abort();
}

TEST_HIDDEN_DIES(kit_hidden_dies_silent, SIGABRT, "last words")
{
    abort();
}

TEST_HIDDEN_DIES(kit_hidden_dies_not, SIGABRT, "last words")
{
    fprintf(stderr, "last words\n");
}

TEST_HIDDEN_DIES(kit_hidden_dies_otherwise, SIGABRT, "last words")
{
    fprintf(stderr, "last words\n");
    raise(SIGTERM);
}

TEST_HIDDEN(kit_hidden_skips)
{
    SKIP("no time today");
}

TEST_HIDDEN(kit_hidden_logs)
{
    kit_log("one");
    kit_log("%d", 2);
    CHECK_LOG("one 3");
}

TEST_HIDDEN(kit_hidden_tells_seed)
{
    fprintf(stderr, "seed %" PRIu64 "\n", kit_seed());
    CHECK(false);
}

/* ---- and does -------------------------------------------------------------------------------- */

TEST(kit_passes_what_passes)
{
    CHECK_EQ(run_kit("kit_hidden_passes", NULL), 0);
    CHECK_HAS(words, "1 passed, 0 failed");
}

TEST(kit_hidden_tests_need_their_whole_name)
{
    CHECK_EQ(run_kit("kit_hidden_pass", NULL), 1);
    CHECK_HAS(words, "0 passed, 0 failed");
    CHECK_EQ(run_kit("kit/kit_hidden_passes", NULL), 0);
}

TEST(kit_check_prints_place_and_both_values)
{
    CHECK_EQ(run_kit("kit_hidden_compares", NULL), 1);
    CHECK_HAS(words, "kit_test.c:");
    CHECK_HAS(words, "2 + 2 == -ETIMEDOUT fails: left is 4, right is -110 (-ETIMEDOUT)");
    CHECK_HAS(words, "replay: KIT_SEED=");
    CHECK_HAS(words, "'kit/kit_hidden_compares'");
    CHECK_HAS(words, "0 passed, 1 failed");
    CHECK_EQ(run_kit("kit_hidden_strings", NULL), 1);
    CHECK_HAS(words, "\"heart\", expected");
}

TEST(kit_check_fails_the_test_from_a_thread)
{
    CHECK_EQ(run_kit("kit_hidden_thread", NULL), 1);
    CHECK_HAS(words, "left is 0, right is 1");
}

TEST(kit_exit_in_the_body_is_no_pass)
{
    CHECK_EQ(run_kit("kit_hidden_exits", NULL), 1);
    CHECK_HAS(words, "ended before the body did");
}

TEST(kit_finds_descriptors_left_open_or_closed)
{
    CHECK_EQ(run_kit("kit_hidden_leaks_fd", NULL), 1);
    CHECK_HAS(words, "is still open");
    CHECK_EQ(run_kit("kit_hidden_closes_fd", NULL), 1);
    CHECK_HAS(words, "descriptor 0 was closed");
}

TEST_TIMEOUT(kit_time_limit_says_where_and_kills, 30)
{
    const int64_t start = kit_clock();
    CHECK_EQ(run_kit("kit_hidden_hangs", NULL), 1);
    CHECK_HAS(words, "still running after");
    CHECK_HAS(words, "time is up; the stack here");
    CHECK_GE(kit_clock() - start, INT64_C(1000000000));
}

/* A dead child that init has not reaped yet is dead as well. */
static bool is_alive(pid_t pid)
{
    char path[64], state[512] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file) {
        state[fread(state, 1, sizeof(state) - 1, file)] = '\0';
        fclose(file);
    }
    return kill(pid, 0) == 0 && !strstr(state, ") Z ");
}

TEST_TIMEOUT(kit_time_limit_kills_the_deaf_and_their_children, 30)
{
    CHECK_EQ(run_kit("kit_hidden_deaf", NULL), 1);
    CHECK_HAS(words, "still running after");
    const char *line = strstr(words, "child ");
    CHECK(line);
    const pid_t child = atoi(line + 6);
    CHECK_GT(child, 0);
    while (is_alive(child)) { /* it was killed, and will be gone; else the time limit tells */
        sched_yield();
    }
}

TEST(kit_death_must_be_the_right_one_with_its_words)
{
    CHECK_EQ(run_kit("kit_hidden_dies_well", NULL), 0);
    CHECK_EQ(run_kit("kit_hidden_dies_silent", NULL), 1);
    CHECK_HAS(words, "did not print \"last words\"");
    CHECK_EQ(run_kit("kit_hidden_dies_not", NULL), 1);
    CHECK_HAS(words, "should die of SIGABRT, but its body came to its end");
    CHECK_EQ(run_kit("kit_hidden_dies_otherwise", NULL), 1);
    CHECK_HAS(words, "should die of SIGABRT, but it died of SIGTERM");
}

TEST(kit_skip_is_neither_pass_nor_failure)
{
    CHECK_EQ(run_kit("kit_hidden_skips", NULL), 0);
    CHECK_HAS(words, "skip kit/kit_hidden_skips: no time today");
    CHECK_HAS(words, "0 passed, 0 failed, 1 skipped");
}

TEST(kit_log_is_compared_as_a_whole)
{
    CHECK_EQ(run_kit("kit_hidden_logs", NULL), 1);
    CHECK_HAS(words, "the log is\n        \"one 2\", expected\n        \"one 3\"");
    CHECK_LOG("");
    kit_log("a");
    CHECK_LOG("a");
    CHECK_LOG("");
}

TEST(kit_seed_replays)
{
    char first[256];
    CHECK_EQ(setenv("KIT_SEED", "12345", 1), 0);
    CHECK_EQ(run_kit("kit_hidden_tells_seed", NULL), 1);
    CHECK(strstr(words, "seed "));
    snprintf(first, sizeof(first), "%.40s", strstr(words, "seed "));
    *strchr(first, '\n') = '\0';
    CHECK_EQ(run_kit("kit_hidden_tells_seed", NULL), 1);
    CHECK_HAS(words, first);
    CHECK_HAS(words, "KIT_SEED=12345 ");
    CHECK_EQ(setenv("KIT_SEED", "54321", 1), 0);
    CHECK_EQ(run_kit("kit_hidden_tells_seed", NULL), 1);
    CHECK(!strstr(words, first));
}

TEST(kit_unknown_prefix_or_option_fails)
{
    CHECK_EQ(run_kit("no_such_test_anywhere", NULL), 1);
    CHECK_HAS(words, "no test has such a name");
    CHECK_EQ(run_kit("--colour", NULL), 2);
    CHECK_HAS(words, "usage: ");
}
