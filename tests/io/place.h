/* SPDX-License-Identifier: MIT
 *
 * place.h - a folder of a test's own, for tests of files: made before, removed with all that is in
 * it after.
 *
 * Rules    1  ON_DISK(name) is INSIDE of the scene, once a hub, with the real clock, and with `place`.
 *          2  at("x") is a path in it; some are valid at a time.
 */
#ifndef HARK_TESTS_PLACE_H
#define HARK_TESTS_PLACE_H

#include "../sync/scene.h"
#include "base/sys.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

SCENE_MAYBE char place[64];

SCENE_MAYBE const char *at(const char *name)
{
    static char paths[8][512];
    static int which;
    char *path = paths[which++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", place, name);
    return path;
}

SCENE_MAYBE void make_place(void)
{
    snprintf(place, sizeof place, "/tmp/hark-test-XXXXXX");
    CHECK(mkdtemp(place));
}

SCENE_MAYBE int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

SCENE_MAYBE void remove_place(void)
{
    CHECK_EQ(nftw(place, remove_one, 4, FTW_DEPTH | FTW_PHYS), 0);
}

/* A file with this text, by plain calls. */
SCENE_MAYBE const char *put(const char *name, const char *text)
{
    const char *path = at(name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK_GE(fd, 0);
    CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return path;
}

SCENE_MAYBE int run_in_place(hark_fn *fn, void *arg)
{
    make_place();
    const int rc = RUN(fn, arg);

    remove_place();
    return rc;
}

#define ON_DISK(name) INSIDE_BY(TEST_ON_HUBS, run_in_place, name)

#endif
