/* SPDX-License-Identifier: MIT
 *
 * hark/dir.h - folders: their names, one after another, and whole trees.
 *
 * Everything is as in hark/file.h: only the calling task waits, and paths are in use until the call
 * returns. The order of names is the file system's.
 */
#ifndef HARK_DIR_H
#define HARK_DIR_H

#include <dirent.h>
#include <hark/file.h>

HARK_BEGIN

typedef struct hark_dir hark_dir;

typedef struct hark_dir_entry {
    const char *name; /* until the next hark_dir_next */
    int type;         /* DT_REG, DT_DIR, DT_LNK, ...: of a link itself */
    uint64_t inode;
} hark_dir_entry;

/* hark_dir_open - open a folder to read its names; close it with hark_dir_close.
 *
 * Blocks: a checkpoint. Allocates 32 KiB. Returns 0; -ENOENT, -ENOTDIR, -EACCES, -EMFILE, ...;
 * -ECANCELED; -EINVAL (NULL); -ENOMEM; -ENOTSUP outside a task. On failure *ret is NULL. */
HARK_API int hark_dir_open(hark_dir **ret, const char *path);

/* hark_dir_next - the next name, but for "." and "..". What is made or removed meanwhile may be
 * told or not.
 *
 * Blocks: a checkpoint. Returns 1; 0: that was all; -EIO, ...; -EBUSY (another task is in it);
 * -ECANCELED (no name is lost); -EINVAL; -ENOMEM; -ENOTSUP outside a task. */
HARK_API int hark_dir_next(hark_dir *dir, hark_dir_entry *entry);

/* hark_dir_close - NULL is fine. Does not block. Returns 0; -EBUSY (a task is in hark_dir_next). */
HARK_API int hark_dir_close(hark_dir *dir);

/* hark_dir_make - mkdir(2); hark_dir_remove - rmdir(2): an empty one. As in hark/file.h. */
HARK_API int hark_dir_make(const char *path, mode_t mode);
HARK_API int hark_dir_remove(const char *path);

/* ---- trees ----------------------------------------------------------------------------------- */

typedef struct hark_walk hark_walk;

/* All zero, but for `size`, is: everything below the root, no links followed. */
typedef struct hark_walk_options {
    size_t size; /* sizeof(hark_walk_options) */
    int depth;   /* no deeper than so many folders below the root; 0: any */
    bool follow; /* go into folders that links lead to, too */
} hark_walk_options;

typedef struct hark_walk_entry {
    const char *path; /* the root's path and what is below; until the next call */
    const char *name; /* the last part of it */
    int type;         /* DT_REG, DT_DIR, ...; of a link that is followed: of what it leads to */
    int depth;        /* 0: the root */
    int error;        /* 0; or why this folder, told before, cannot be gone into */
} hark_walk_entry;

/* hark_walk_open - begin a walk through the tree below `root`, which may be a link, or a file: then
 * it alone is told.
 *
 * Blocks: a checkpoint. options NULL: the default. Returns 0; -ENOENT, -EACCES, ...; -ECANCELED;
 * -EINVAL (NULL, a wrong size, a negative depth); -ENOMEM; -ENOTSUP outside a task. On failure *ret
 * is NULL. */
HARK_API int hark_walk_open(hark_walk **ret, const char *root, const hark_walk_options *options);

/* hark_walk_next - the next name: a folder before what is in it, depth first.
 *
 * The names of the folders that it is in are in memory, and no descriptor is kept. So a path is
 * looked up anew by whoever uses it: in a tree that somebody else may write, a folder of it may be a
 * link by then, which leads out of the tree. Do not remove such a tree by these paths. A folder that
 * cannot be read (-EACCES, -ELOOP: a link leads back to it, -ENOENT: it is gone by now,
 * -ENAMETOOLONG) is told once more with `error`, and the walk goes on behind it.
 * Blocks: a checkpoint. Returns 1; 0: that was all; -ENOMEM (call again: nothing is lost);
 * -ECANCELED (likewise); -EBUSY (another task is in it); -EINVAL; -ENOTSUP outside a task. Source:
 * nftw(3), fts(3). */
HARK_API int hark_walk_next(hark_walk *walk, hark_walk_entry *entry);

/* hark_walk_skip - do not go into the folder that was just told. Does not block. */
HARK_API void hark_walk_skip(hark_walk *walk);

/* hark_walk_close - NULL is fine. Does not block. Returns 0; -EBUSY. */
HARK_API int hark_walk_close(hark_walk *walk);

HARK_END
#endif
