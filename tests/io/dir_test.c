/* SPDX-License-Identifier: MIT
 *
 * dir_test.c - folders and trees: all names, links that lead in circles, folders that cannot be
 * read, and nothing left open on any way out.
 */
#include "place.h"

#include <hark/dir.h>
#include <stdarg.h>

/* What was told, sorted, for comparison. */
static char told[4096];
static char *lines[256];
static int count;

static void note(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    lines[count++] = strdup(line);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *all_told(void)
{
    qsort(lines, (size_t)count, sizeof *lines, by_text);
    told[0] = 0;
    for (int i = 0; i < count; i++) {
        strcat(strcat(told, i ? " " : ""), lines[i]);
        free(lines[i]);
    }
    count = 0;
    return told;
}

static char letter(int type)
{
    return type == DT_DIR ? 'd' : type == DT_LNK ? 'l' : type == DT_REG ? 'f' : '?';
}

/* ---- one folder ------------------------------------------------------------------------------ */

ON_DISK(dir_tells_each_name_once)
{
    hark_dir *dir;
    hark_dir_entry entry;
    put("a", "");
    put("b", "");
    CHECK_EQ(hark_dir_make(at("d"), 0700), 0);
    CHECK_EQ(symlink("a", at("l")), 0);
    CHECK_EQ(hark_dir_open(&dir, place), 0);
    while (hark_dir_next(dir, &entry) == 1) {
        note("%s:%c", entry.name, letter(entry.type));
        CHECK_NE(entry.inode, 0);
    }
    CHECK_EQ(hark_dir_next(dir, &entry), 0);
    CHECK_EQ(hark_dir_close(dir), 0);
    CHECK_STR(all_told(), "a:f b:f d:d l:l");
    CHECK_EQ(hark_dir_remove(at("d")), 0);
    CHECK_EQ(hark_dir_remove(at("d")), -ENOENT);
    CHECK_EQ(hark_dir_make(at("a"), 0700), -EEXIST);
    CHECK_EQ(hark_dir_remove(place), -ENOTEMPTY);
}

ON_DISK(dir_of_many_names_comes_in_batches)
{
    enum { NAMES = 3000 };
    static bool seen[NAMES];
    hark_dir *dir;
    hark_dir_entry entry;
    int number, rc, all = 0;
    char name[64];
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "a-name-that-has-some-length-%d", i);
        close(open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    CHECK_EQ(hark_dir_open(&dir, place), 0);
    while ((rc = hark_dir_next(dir, &entry)) == 1) {
        CHECK_EQ(sscanf(entry.name, "a-name-that-has-some-length-%d", &number), 1);
        CHECK(!seen[number]);
        seen[number] = true;
        all++;
    }
    CHECK_EQ(rc, 0);
    CHECK_EQ(all, NAMES);
    CHECK_EQ(hark_dir_close(dir), 0);
}

static ssize_t typeless_getdents(int fd, void *buffer, size_t size)
{
    const ssize_t got = getdents64(fd, buffer, size);
    for (ssize_t i = 0; i < got;) {
        struct dirent64 *entry = (struct dirent64 *)((char *)buffer + i);
        entry->d_type = DT_UNKNOWN;
        i += entry->d_reclen;
    }
    return got;
}

ON_DISK(dir_asks_for_types_where_the_file_system_does_not_say)
{
    hark_dir *dir;
    hark_dir_entry entry;
    put("a", "");
    CHECK_EQ(mkdir(at("d"), 0700), 0);
    CHECK_EQ(symlink("d", at("l")), 0);
    hark__sys.getdents64 = typeless_getdents;
    CHECK_EQ(hark_dir_open(&dir, place), 0);
    while (hark_dir_next(dir, &entry) == 1) {
        note("%s:%c", entry.name, letter(entry.type));
    }
    CHECK_EQ(hark_dir_close(dir), 0);
    CHECK_STR(all_told(), "a:f d:d l:l");
}

static ssize_t bad_getdents(int fd, void *buffer, size_t size)
{
    (void)fd, (void)buffer, (void)size;
    errno = EIO;
    return -1;
}

ON_DISK(dir_failures_have_words)
{
    hark_dir *dir = NULL;
    hark_dir_entry entry;
    put("a", "");
    CHECK_MISUSE(hark_dir_open(&dir, at("none")), -ENOENT, "none");
    CHECK_PTR(dir, NULL);
    CHECK_MISUSE(hark_dir_open(&dir, at("a")), -ENOTDIR, "a");
    CHECK_MISUSE(hark_dir_open(NULL, place), -EINVAL, "NULL");
    CHECK_MISUSE(hark_dir_open(&dir, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_dir_next(NULL, &entry), -EINVAL, "NULL");
    CHECK_MISUSE(hark_dir_make(NULL, 0), -EINVAL, "NULL");
    CHECK_EQ(hark_dir_close(NULL), 0);
    CHECK_EQ(hark_dir_open(&dir, place), 0);
    CHECK_MISUSE(hark_dir_next(dir, NULL), -EINVAL, "NULL");
    hark__sys.getdents64 = bad_getdents;
    CHECK_MISUSE(hark_dir_next(dir, &entry), -EIO, "Input/output");
    hark__sys.getdents64 = getdents64;
    CHECK_EQ(hark_dir_next(dir, &entry), 1);
    CHECK_STR(entry.name, "a");
    CHECK_EQ(hark_dir_close(dir), 0);
}

/* ---- trees ----------------------------------------------------------------------------------- */

static void grow_tree(void)
{
    put("a", "");
    CHECK_EQ(mkdir(at("d"), 0700), 0);
    put("d/b", "");
    CHECK_EQ(mkdir(at("d/e"), 0700), 0);
    put("d/e/c", "");
    CHECK_EQ(mkdir(at("z"), 0700), 0);
    CHECK_EQ(symlink("..", at("d/up")), 0);
    CHECK_EQ(symlink("none", at("d/gone")), 0);
}

static int walk(const char *root, const hark_walk_options *options, const char *skipped)
{
    hark_walk *w;
    hark_walk_entry entry;
    const size_t length = strlen(root);
    int rc = hark_walk_open(&w, root, options);
    if (rc) {
        return rc;
    }
    while ((rc = hark_walk_next(w, &entry)) == 1) {
        CHECK(strncmp(entry.path, root, length) == 0);
        CHECK(strcmp(strrchr(entry.path, '/') + 1, entry.name) == 0 || entry.depth == 0);
        const char *below = entry.path + length + (entry.path[length] == '/');
        if (entry.error) {
            note("%s:%s", *below ? below : ".", strerrorname_np(-entry.error));
        } else {
            note("%s:%c%d", *below ? below : ".", letter(entry.type), entry.depth);
        }
        if (skipped && strcmp(entry.name, skipped) == 0) {
            hark_walk_skip(w);
        }
    }
    CHECK_EQ(hark_walk_close(w), 0);
    return rc;
}

static hark_dir *told_of;

static int close_when_free(void *arg)
{
    (void)arg;
    while (hark_dir_close(told_of) == -EBUSY) {
        CHECK_EQ(hark_yield(), 0);
    }
    told_of = NULL;
    return 0;
}

/* A call that need not wait lets others run now and then: they find it busy. */
ON_DISK(dir_is_not_closed_under_who_was_told_a_name)
{
    hark_dir_entry entry;

    for (int i = 0; i < 400; i++) {
        char name[32];
        snprintf(name, sizeof name, "file%03d", i);
        put(name, "");
    }
    CHECK_EQ(hark_dir_open(&told_of, place), 0);
    CHECK_GT(hark_go(&group, close_when_free, NULL), 0);
    while (told_of && hark_dir_next(told_of, &entry) == 1) {
        CHECK(told_of != NULL); /* else the name is nobody's */
        CHECK_EQ(strncmp(entry.name, "file", 4), 0);
    }
}

ON_DISK(walk_tells_all_that_is_below)
{
    const hark_walk_options shallow = {.size = sizeof shallow, .depth = 1};
    grow_tree();
    CHECK_EQ(walk(place, NULL, NULL), 0);
    CHECK_STR(all_told(), ".:d0 a:f1 d/b:f2 d/e/c:f3 d/e:d2 d/gone:l2 d/up:l2 d:d1 z:d1");
    CHECK_EQ(walk(place, &shallow, NULL), 0);
    CHECK_STR(all_told(), ".:d0 a:f1 d:d1 z:d1");
    CHECK_EQ(walk(place, NULL, "d"), 0);
    CHECK_STR(all_told(), ".:d0 a:f1 d:d1 z:d1");
    CHECK_EQ(walk(at("a"), NULL, NULL), 0);
    CHECK_STR(all_told(), ".:f0");
    CHECK_EQ(walk(at("d/up"), NULL, "d"), 0); /* the root may be a link */
    CHECK_STR(all_told(), ".:d0 a:f1 d:d1 z:d1");
}

ON_DISK(walk_follows_links_and_sees_rings)
{
    const hark_walk_options options = {.size = sizeof options, .follow = true};
    grow_tree();
    CHECK_EQ(walk(place, &options, NULL), 0);
    CHECK_STR(all_told(), ".:d0 a:f1 d/b:f2 d/e/c:f3 d/e:d2 d/gone:l2 d/up:ELOOP d/up:d2 d:d1 z:d1");
}

static int locked_open(const char *path, int flags, mode_t mode)
{
    const size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, "/d/e") == 0) {
        errno = EACCES;
        return -1;
    }
    return open(path, flags, mode);
}

ON_DISK(walk_goes_past_what_cannot_be_read)
{
    grow_tree();
    hark__sys.open = locked_open; /* what is not readable is so for root, too */
    CHECK_EQ(walk(place, NULL, NULL), 0);
    CHECK_STR(all_told(), ".:d0 a:f1 d/b:f2 d/e:EACCES d/e:d2 d/gone:l2 d/up:l2 d:d1 z:d1");
}

ON_DISK(walk_deeper_than_there_are_descriptors)
{
    const struct rlimit limit = {16, 16};
    char path[512];
    int deepest = 0, rc, length = snprintf(path, sizeof path, "%s", place);
    hark_walk *w;
    hark_walk_entry entry;
    for (int i = 0; i < 100; i++) {
        length += snprintf(path + length, sizeof path - (size_t)length, "/d");
        CHECK_EQ(mkdir(path, 0700), 0);
    }
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    CHECK_EQ(hark_walk_open(&w, place, NULL), 0);
    while ((rc = hark_walk_next(w, &entry)) == 1) {
        CHECK_EQ(entry.error, 0);
        deepest = entry.depth;
    }
    CHECK_EQ(rc, 0);
    CHECK_EQ(deepest, 100);
    CHECK_EQ(hark_walk_close(w), 0);
}

ON_DISK(walk_a_folder_that_is_removed_meanwhile_is_told)
{
    hark_walk *w;
    hark_walk_entry entry;
    CHECK_EQ(mkdir(at("d"), 0700), 0);
    CHECK_EQ(hark_walk_open(&w, place, NULL), 0);
    CHECK_EQ(hark_walk_next(w, &entry), 1);
    CHECK_EQ(hark_walk_next(w, &entry), 1);
    CHECK_STR(entry.name, "d");
    CHECK_EQ(rmdir(at("d")), 0);
    CHECK_EQ(hark_walk_next(w, &entry), 1);
    CHECK_EQ(entry.error, -ENOENT);
    CHECK_EQ(hark_walk_next(w, &entry), 0);
    CHECK_EQ(hark_walk_close(w), 0);
}

static int fails_in;

static void *scarce(size_t size)
{
    return fails_in && --fails_in == 0 ? NULL : calloc(1, size);
}

static void *scarce_resize(void *old, size_t size)
{
    return fails_in && --fails_in == 0 ? NULL : realloc(old, size);
}

/* Each allocation in turn fails once: the walk says so, loses nothing, and goes on. */
ON_DISK(walk_without_memory_can_go_on)
{
    hark_walk *w;
    hark_walk_entry entry;
    bool all_were_there = false;
    grow_tree();
    CHECK_EQ(walk(place, NULL, NULL), 0); /* whatever the loop itself needs is there */
    all_told();
    hark__memory.allocate = scarce;
    hark__memory.resize = scarce_resize;
    for (int which = 1; !all_were_there; which++) {
        int rc;
        fails_in = which;
        while ((rc = hark_walk_open(&w, place, NULL)) == -ENOMEM) {}
        CHECK_EQ(rc, 0);
        while ((rc = hark_walk_next(w, &entry)) == 1 || rc == -ENOMEM) {
            if (rc == 1) {
                CHECK_EQ(entry.error, 0);
                note("%s", entry.name);
            }
        }
        CHECK_EQ(rc, 0);
        CHECK_EQ(hark_walk_close(w), 0);
        CHECK_EQ(count, 9);
        all_told();
        all_were_there = fails_in > 0;
    }
}

ON_DISK(walk_cancelled_anywhere_can_go_on)
{
    hark_walk *w;
    hark_walk_entry entry;
    grow_tree();
    CHECK_EQ(hark_walk_open(&w, place, NULL), 0);
    for (int rc = 1; rc == 1;) {
        hark_scope scope;
        hark_scope_open(&scope, HARK_FOREVER);
        hark_scope_cancel(&scope);
        CHECK_EQ(hark_walk_next(w, &entry), -ECANCELED);
        hark_scope_close(&scope, 0);
        rc = hark_walk_next(w, &entry);
        count += rc;
    }
    CHECK_EQ(count, 9);
    CHECK_EQ(hark_walk_close(w), 0);
}

ON_DISK(walk_misuse_has_words)
{
    const hark_walk_options wrong = {.size = 3}, negative = {.size = sizeof negative, .depth = -1};
    hark_walk *w = NULL;
    hark_walk_entry entry;
    CHECK_MISUSE(hark_walk_open(&w, at("none"), NULL), -ENOENT, "none");
    CHECK_PTR(w, NULL);
    CHECK_MISUSE(hark_walk_open(NULL, place, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_walk_open(&w, NULL, NULL), -EINVAL, "NULL");
    CHECK_MISUSE(hark_walk_open(&w, place, &wrong), -EINVAL, "size");
    CHECK_MISUSE(hark_walk_open(&w, place, &negative), -EINVAL, "depth");
    CHECK_MISUSE(hark_walk_next(NULL, &entry), -EINVAL, "walk");
    CHECK_EQ(hark_walk_open(&w, place, NULL), 0);
    CHECK_MISUSE(hark_walk_next(w, NULL), -EINVAL, "entry");
    CHECK_EQ(hark_walk_close(w), 0);
    CHECK_EQ(hark_walk_close(NULL), 0);
    hark_walk_skip(NULL);
}

static hark_walk *shared;

static int walk_shared(void *unused)
{
    hark_walk_entry entry;
    (void)unused;
    return hark_walk_next(shared, &entry);
}

ON_DISK(walk_is_one_tasks_at_a_time)
{
    hark_walk_entry entry;
    grow_tree();
    CHECK_EQ(hark_walk_open(&shared, place, NULL), 0);
    CHECK_EQ(hark_walk_next(shared, &entry), 1);
    hark_task other = hark_go(&group, walk_shared, NULL);
    CHECK_EQ(hark_yield(), 0); /* it waits for the folder now */
    CHECK_EQ(hark_walk_next(shared, &entry), -EBUSY);
    CHECK_EQ(hark_walk_close(shared), -EBUSY);
    hark_task_wait(other);
    CHECK_EQ(hark_walk_close(shared), 0);
}
