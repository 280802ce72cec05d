/* SPDX-License-Identifier: MIT
 *
 * unload_test.c - the shared library, loaded by a program that lets go of it again (H13).
 *
 * Idea     A plugin host closes what it has loaded while a loop still lives, a worker thread still
 *          waits for work, and handlers of signals and forks still point into the code. So the
 *          library stays mapped, for good: it is linked with -z nodelete. The test is what such a
 *          host does.
 */
#include "kit.h"

#include <dlfcn.h>
#include <libgen.h>
#include <pthread.h>
#include <sys/wait.h>

static struct {
    void *handle;
    hark_loop *(*loop_new)(const hark_options *);
    int (*loop_step)(hark_loop *, int64_t);
    int (*loop_free)(hark_loop *);
    int (*run)(hark_fn *, void *);
    hark_task (*loop_go)(hark_loop *, hark_fn *, void *);
    int (*sleep)(int64_t);
    int (*thread_call)(const char *, const hark_thread_options *, hark_fn *, void *);
} it;

static void find(void *place, const char *name)
{
    void *found = dlsym(it.handle, name);

    CHECK(found);
    memcpy(place, &found, sizeof found);
}

static void load(void)
{
    char self[512], path[600];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

    CHECK_GT(length, 0);
    self[length] = '\0';
    snprintf(path, sizeof path, "%s/libhark.so", dirname(self));
    if (access(path, R_OK) != 0 || kit_slow() > 1) {
        SKIP("there is no libhark.so beside this program that it could load");
    }
    it.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!it.handle) {
        kit_fail(__FILE__, __LINE__, "%s", dlerror());
    }
    find(&it.loop_new, "hark_loop_new");
    find(&it.loop_step, "hark_loop_step");
    find(&it.loop_free, "hark_loop_free");
    find(&it.loop_go, "hark_loop_go");
    find(&it.run, "hark_run");
    find(&it.sleep, "hark_sleep");
    find(&it.thread_call, "hark_thread_call_at");
}

static int in_a_thread(void *arg)
{
    return *(int *)arg;
}

static int works(void *count)
{
    int seven = 7;

    CHECK_EQ(it.thread_call("a test\0", NULL, in_a_thread, &seven), 7);
    CHECK_EQ(it.sleep(HARK_US(100)), 0);
    ++*(int *)count;
    return 0;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

/* A loop with a task, a worker, the handlers: and the host lets go. */
TEST_ON_HUBS(unload_H13_with_a_live_loop_leaves_the_library_where_it_is)
{
    int count = 0, status = -1;

    load();
    hark_loop *loop = it.loop_new(NULL);
    CHECK(loop);
    CHECK_GT(it.loop_go(loop, works, &count), 0);
    CHECK_EQ(it.loop_step(loop, 0), 0);
    dlclose(it.handle);
    while (!count) {
        CHECK_EQ(it.loop_step(loop, HARK_S(1)), 0);
    }
    fflush(NULL);
    const pid_t child = fork(); /* the handlers of forks */
    if (child == 0) {
        _exit(it.run(nothing, NULL) == 0 ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    CHECK_EQ(it.loop_free(loop), 0);
}

static void *runs_and_ends(void *unused)
{
    CHECK_EQ(it.run(nothing, NULL), 0);
    dlclose(it.handle);
    return unused;
}

/* The destructor of the thread's key is still there when the thread ends. */
TEST_ON_HUBS(unload_H13_in_a_thread_that_then_ends)
{
    pthread_t thread;

    load();
    CHECK_EQ(pthread_create(&thread, NULL, runs_and_ends, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}
