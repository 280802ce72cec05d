/* SPDX-License-Identifier: MIT
 *
 * orphan.c - a thread that ends, and leaves a loop behind.
 *
 * Idea     A loop belongs to its thread for life. If that ends first, nobody can ever drive the
 *          loop, or free it, and a later thread may even get the same pthread_t. So each thread
 *          with a loop has a key, whose destructor looks whether one still lives. One that rests is
 *          freed as hark_loop_free does it, and that is said; one that runs means that pthread_exit
 *          or pthread_cancel has taken the thread out of the middle of hark_run: the frames of its
 *          tasks are gone, and the process stops.
 * Rules    O1  Only what an ended thread leaves is seen: not a loop that the program's end, or a
 *              fork, leaves.
 */
#include <hark/loop.h>

#include "core/core.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

static void thread_ends(void *unused)
{
    hark_loop *loop;

    (void)unused;
    while ((loop = hark__loop_of_thread())) {
        if (loop->runs) {
            hark__report_death(
                loop->running,
                "%s the thread ended, by pthread_exit or pthread_cancel, while its loop ran; let hark_run return instead",
                loop->running ? "was running when" : "hark_run:");
        }
        hark__report_line(
            NULL,
            "a thread ends and leaves a loop with %u task%s, which is freed now; call hark_loop_free before",
            loop->tasks, loop->tasks == 1 ? "" : "s");
        if (hark_loop_free(loop)) {
            return;
        }
    }
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, thread_ends) == 0;
}

/* Without memory for it an orphan is not noticed: that is all. */
void hark__orphan_watch(const hark_loop *loop)
{
    pthread_once(&once, make_key);
    if (has_key && !planted(orphan_is_not_noticed)) {
        pthread_setspecific(key, loop);
    }
}
