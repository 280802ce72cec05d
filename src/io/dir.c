/* SPDX-License-Identifier: MIT
 *
 * dir.c - folders and trees; hark/dir.h has the promises.
 *
 * Idea     Names come in batches from the kernel (getdents64), each batch fetched by a worker; what
 *          a file system does not say of a name (its type) the same visit asks.
 *
 *          A walk reads a folder whole, in one visit, and closes it: so a deep tree needs no
 *          descriptors, and what the caller removes meanwhile does not confuse it. It keeps a list
 *          of names for each folder that it is in, and one path that grows and shrinks.
 * Rules    Q1  A call that fails leaves the walk where it was: it can be called again.
 *          Q2  Between telling a folder and reading it lies a call of the caller's, who may skip
 *              it.
 *          Q3  Where links are followed, a folder that is one of those it lies in is a ring.
 *          Q4  One task at a time is in a folder or walk (`busy`).
 */
#include <hark/dir.h>
#include <fcntl.h>
#include <string.h>

#include "io/io.h"

#define BATCH (32 << 10)

/* As the kernel writes them. */
struct record {
    uint64_t inode;
    int64_t offset;
    uint16_t length;
    uint8_t type;
    char name[];
};

static bool is_dot(const char *name)
{
    return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int type_of(mode_t mode)
{
    return (int)(mode & S_IFMT) >> 12; /* IFTODT */
}

/* In a worker. What cannot be told stays unknown. */
static void ask_types(int fd, char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        struct record *record = (struct record *)(bytes + at);
        struct stat status;
        if (record->type == DT_UNKNOWN &&
            hark__sys.fstatat(fd, record->name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
            record->type = (uint8_t)type_of(status.st_mode);
        }
        at += record->length;
    }
}

static ssize_t read_batch(struct hark__operation *op)
{
    ssize_t size = hark__sys.getdents64(op->fd, op->buffer, op->size);

    if (size > 0) {
        ask_types(op->fd, op->buffer, (size_t)size);
    }
    return size;
}

/* ---- one folder ------------------------------------------------------------------------------ */

struct hark_dir {
    int fd;
    bool busy;
    size_t at, size;
    _Alignas(struct record) char bytes[BATCH];
};

static int busy_fail(const char *call)
{
    return hark__fail(-EBUSY, call, "another task is in it; one at a time");
}

int hark_dir_open(hark_dir **ret, const char *path)
{
    static const char call[] = "hark_dir_open";
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (!ret || !path) {
        return hark__fail(-EINVAL, call, "%s is NULL", ret ? "the path" : "the place for the folder");
    }
    *ret = NULL;
    hark_dir *dir = hark__alloc(sizeof *dir);
    if (!dir) {
        return hark__fail(-ENOMEM, call, "%s: no memory to read it", path);
    }
    dir->fd = hark_file_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (dir->fd < 0) {
        error = dir->fd;
        hark__free(dir, sizeof *dir);
        return error;
    }
    *ret = dir;
    return 0;
}

/* 1; 0: that was all. */
static int fetch(hark_dir *dir, const char *call)
{
    struct hark__io_operation o = {
        .op = {.work = HARK__WORKS, .buffer = dir->bytes, .size = sizeof dir->bytes},
        .own = read_batch,
    };
    struct hark__fd *entry;
    int error = hark__io_entry(&entry, call, dir->fd);

    if (error) {
        return error;
    }
    dir->busy = true;
    error = hark__io_operate_on(entry, &o, call);
    dir->busy = false;
    if (error || o.op.result <= 0) {
        return error                    ? error
               : o.op.result == -ENOENT ? 0 /* it was removed */
               : o.op.result < 0        ? hark__io_fail(call, dir->fd, o.op.result)
                                        : 0;
    }
    dir->at = 0;
    dir->size = (size_t)o.op.result;
    return 1;
}

int hark_dir_next(hark_dir *dir, hark_dir_entry *entry)
{
    static const char call[] = "hark_dir_next";
    int rc = hark__enter_task(call);

    if (rc || !dir || !entry || dir->busy) {
        return rc               ? rc
               : !dir || !entry ? hark__fail(-EINVAL, call, "%s is NULL", dir ? "the entry" : "it")
                                : busy_fail(call);
    }
    for (;;) {
        if (dir->at == dir->size && (rc = fetch(dir, call)) <= 0) {
            return rc;
        }
        const struct record *record = (const struct record *)(dir->bytes + dir->at);
        dir->at += record->length;
        if (!is_dot(record->name)) {
            *entry = (hark_dir_entry){record->name, record->type, record->inode};
            dir->busy = true; /* the name is in it */
            hark__pass();
            dir->busy = false;
            return 1;
        }
    }
}

int hark_dir_close(hark_dir *dir)
{
    if (dir && dir->busy) {
        return busy_fail("hark_dir_close");
    }
    if (dir) {
        hark_close(dir->fd);
        hark__free(dir, sizeof *dir);
    }
    return 0;
}

static int on_folder(enum hark__work work, const char *path, mode_t mode, const char *call)
{
    struct hark__io_operation o = {.op = {.work = work, .path = path, .mode = mode}};
    int error = hark__enter_task(call);

    if (error || !path) {
        return error ? error : hark__fail(-EINVAL, call, "the path is NULL");
    }
    if ((error = hark__io_operate(&o, path, call)) || o.op.result == -ECANCELED) {
        return error ? error : -ECANCELED;
    }
    return o.op.result < 0
               ? hark__fail(o.op.result, call, "%s: %s", path, strerrordesc_np(-o.op.result))
               : 0;
}

int hark_dir_make(const char *path, mode_t mode)
{
    return on_folder(HARK__MKDIR, path, mode, "hark_dir_make");
}

int hark_dir_remove(const char *path)
{
    return on_folder(HARK__RMDIR, path, 0, "hark_dir_remove");
}

/* ---- a folder's names, whole ----------------------------------------------------------------- */

/* One after another: a byte for the type, then the name and its null byte. */
struct names {
    char *bytes;
    size_t size, room;
    dev_t device;
    ino_t inode;
};

struct visit {
    struct hark__io_operation o;
    struct names names;
    _Alignas(struct record) char batch[BATCH];
};

static void free_names(struct names *names)
{
    hark__free(names->bytes, names->room);
    *names = (struct names){.bytes = NULL};
}

static bool add_name(struct names *names, const struct record *record)
{
    size_t length = strlen(record->name) + 2;

    if (names->room - names->size < length) {
        size_t room = names->room ? 2 * names->room : 1024;
        char *bytes = hark__realloc(names->bytes, names->room, room);
        if (!bytes) {
            errno = ENOMEM;
            return false;
        }
        names->bytes = bytes;
        names->room = room;
    }
    names->bytes[names->size] = (char)record->type;
    memcpy(names->bytes + names->size + 1, record->name, length - 1);
    names->size += length;
    return true;
}

static int add_batch(struct names *names, const char *bytes, size_t size)
{
    for (size_t at = 0; at < size;) {
        const struct record *record = (const struct record *)(bytes + at);
        if (!is_dot(record->name) && !add_name(names, record)) {
            return -1;
        }
        at += record->length;
    }
    return 0;
}

static int read_names(struct visit *visit, int fd)
{
    struct hark__operation *op = &visit->o.op;
    struct stat status;
    ssize_t size;

    if (hark__sys.fstat(fd, &status) < 0) {
        return -1;
    }
    visit->names.device = status.st_dev;
    visit->names.inode = status.st_ino;
    op->fd = fd;
    do {
        do {
            size = read_batch(op);
        } while (size < 0 && errno == EINTR);
    } while (size > 0 && add_batch(&visit->names, visit->batch, (size_t)size) == 0);
    return size == 0 ? 0 : -1;
}

/* In a worker. */
static ssize_t visit_folder(struct hark__operation *op)
{
    struct visit *visit = container_of(op, struct visit, o.op);
    int fd = hark__sys.open(op->path, op->flags | O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    int error = read_names(visit, fd) < 0 ? errno : 0;
    hark__sys.close(fd);
    if (error) {
        free_names(&visit->names);
        errno = error;
    }
    return error ? -1 : 0;
}

/* ---- a tree ---------------------------------------------------------------------------------- */

struct level {
    struct names names;
    size_t at;
    size_t length; /* of the folder's path */
};

struct hark_walk {
    struct hark_walk_options options;
    char *path; /* of what was told last */
    size_t length, room;
    struct level *levels; /* the folders that it is in */
    int depth, levels_room;
    bool busy;
    bool begun; /* the root was told */
    bool into;  /* what was told last is a folder, to be gone into */
    int root_type;
};

static size_t levels_size(int count)
{
    return (size_t)count * sizeof(struct level);
}

static bool make_room_for_path(hark_walk *walk, size_t size)
{
    if (size <= walk->room) {
        return true;
    }
    char *path = hark__realloc(walk->path, walk->room, 2 * size);
    if (path) {
        walk->path = path;
        walk->room = 2 * size;
    }
    return path != NULL;
}

static bool make_room_for_level(hark_walk *walk)
{
    int room = walk->levels_room ? 2 * walk->levels_room : 8;

    if (walk->depth < walk->levels_room) {
        return true;
    }
    struct level *levels =
        hark__realloc(walk->levels, levels_size(walk->levels_room), levels_size(room));
    if (levels) {
        walk->levels = levels;
        walk->levels_room = room;
    }
    return levels != NULL;
}

static void end_walk(hark_walk *walk)
{
    while (walk->depth) {
        free_names(&walk->levels[--walk->depth].names);
    }
    hark__free(walk->levels, levels_size(walk->levels_room));
    hark__free(walk->path, walk->room);
    hark__free(walk, sizeof *walk);
}

static int check_walk(hark_walk **ret, const char *root, const hark_walk_options *options,
                      const char *call)
{
    int error = hark__enter_task(call);

    if (error) {
        return error;
    }
    if (!ret || !root) {
        return hark__fail(-EINVAL, call, "%s is NULL", ret ? "the root" : "the place for the walk");
    }
    *ret = NULL;
    if (options && options->size != sizeof *options) {
        return hark__fail(-EINVAL, call, "options.size is %lu; set it to sizeof(hark_walk_options)",
                          (unsigned long)options->size);
    }
    return options && options->depth < 0
               ? hark__fail(-EINVAL, call, "options.depth is %d", options->depth)
               : 0;
}

int hark_walk_open(hark_walk **ret, const char *root, const hark_walk_options *options)
{
    static const char call[] = "hark_walk_open";
    struct stat status;
    int error = check_walk(ret, root, options, call);

    if (error || (error = hark_file_stat(root, &status))) {
        return error;
    }
    size_t length = strlen(root);
    hark_walk *walk = hark__alloc(sizeof *walk);
    if (!walk || !make_room_for_path(walk, length + 2)) {
        hark__free(walk, sizeof *walk);
        return hark__fail(-ENOMEM, call, "%s: no memory to walk there", root);
    }
    if (options) {
        walk->options = *options;
    }
    memcpy(walk->path, root, length + 1);
    walk->length = length;
    walk->root_type = type_of(status.st_mode);
    *ret = walk;
    return 0;
}

/* Rule Q3. */
static bool is_ring(const hark_walk *walk, const struct names *names)
{
    for (int i = 0; i < walk->depth; i++) {
        const struct names *outer = &walk->levels[i].names;
        if (outer->device == names->device && outer->inode == names->inode) {
            return true;
        }
    }
    return false;
}

/* Go into the folder at walk->path. 0; *told: why that cannot be; else the call fails. */
static int go_into(hark_walk *walk, int *told, const char *call)
{
    struct visit *visit = make_room_for_level(walk) ? hark__alloc(sizeof *visit) : NULL;

    if (!visit) {
        return hark__fail(-ENOMEM, call, "%s: no memory to read it", walk->path);
    }
    bool may_be_link = walk->options.follow || walk->depth == 0;
    visit->o = (struct hark__io_operation){
        .op = {.work = HARK__WORKS,
               .path = walk->path,
               .flags = may_be_link ? 0 : O_NOFOLLOW,
               .buffer = visit->batch,
               .size = sizeof visit->batch},
        .own = visit_folder,
    };
    int error = hark__io_operate(&visit->o, walk->path, call);
    *told = visit->o.op.result;
    if (!error && *told == -ENOMEM) {
        error = hark__fail(-ENOMEM, call, "%s: no memory for its names", walk->path);
    } else if (!error && *told == 0 && is_ring(walk, &visit->names)) {
        free_names(&visit->names);
        *told = -ELOOP;
    } else if (!error && *told == 0) {
        walk->levels[walk->depth++] = (struct level){.names = visit->names, .length = walk->length};
    }
    hark__free(visit, sizeof *visit);
    return error;
}

static int say(hark_walk *walk, hark_walk_entry *entry, int type, int depth, int error)
{
    const char *slash = strrchr(walk->path, '/');

    *entry = (hark_walk_entry){
        .path = walk->path,
        .name = slash && depth ? slash + 1 : walk->path,
        .type = type,
        .depth = depth,
        .error = error,
    };
    return 1;
}

/* A link that leads to a folder counts as one, where links are followed. */
static int type_behind(hark_walk *walk, int type, int *error)
{
    struct stat status;

    if (type != DT_LNK || !walk->options.follow) {
        return type;
    }
    *error = hark_file_stat(walk->path, &status);
    bool leads_somewhere = *error == 0;
    if (*error != -ECANCELED && *error != -ENOMEM) {
        *error = 0;
    }
    return leads_somewhere ? type_of(status.st_mode) : type;
}

/* The next name of the innermost folder. */
static int tell(hark_walk *walk, hark_walk_entry *entry, const char *call)
{
    struct level *level = &walk->levels[walk->depth - 1];
    const char *record = level->names.bytes + level->at;
    size_t length = strlen(record + 1), from = level->length;
    int error = 0, depth = walk->depth;

    if (!make_room_for_path(walk, from + length + 2)) {
        return hark__fail(-ENOMEM, call, "no memory for the path of %s", record + 1);
    }
    if (from && walk->path[from - 1] != '/') {
        walk->path[from++] = '/';
    }
    memcpy(walk->path + from, record + 1, length + 1);
    int type = type_behind(walk, record[0], &error);
    if (error) {
        return error;
    }
    level->at += length + 2;
    walk->length = from + length;
    walk->into = type == DT_DIR && (!walk->options.depth || depth < walk->options.depth);
    return say(walk, entry, type, depth, 0);
}

static int next(hark_walk *walk, hark_walk_entry *entry, const char *call)
{
    if (!walk->begun) {
        walk->begun = true;
        walk->into = walk->root_type == DT_DIR;
        return say(walk, entry, walk->root_type, 0, 0);
    }
    if (walk->into) {
        int told = 0, error = go_into(walk, &told, call);
        if (error && !planted(walk_without_memory_goes_past)) {
            return error;
        }
        walk->into = false;
        if (told) {
            return say(walk, entry, DT_DIR, walk->depth, told);
        }
    }
    while (walk->depth &&
           walk->levels[walk->depth - 1].at == walk->levels[walk->depth - 1].names.size) {
        free_names(&walk->levels[--walk->depth].names);
    }
    return walk->depth ? tell(walk, entry, call) : 0;
}

int hark_walk_next(hark_walk *walk, hark_walk_entry *entry)
{
    static const char call[] = "hark_walk_next";
    int rc = hark__enter_task(call);

    if (rc) {
        return rc;
    }
    if (!walk || !entry) {
        return hark__fail(-EINVAL, call, "the %s is NULL", walk ? "entry" : "walk");
    }
    if (walk->busy) {
        return busy_fail(call);
    }
    walk->busy = true;
    rc = next(walk, entry, call);
    if (rc > 0) {
        hark__pass();
    }
    walk->busy = false;
    return rc;
}

void hark_walk_skip(hark_walk *walk)
{
    if (walk && !walk->busy) {
        walk->into = false;
    }
}

int hark_walk_close(hark_walk *walk)
{
    if (walk && walk->busy) {
        return busy_fail("hark_walk_close");
    }
    if (walk) {
        end_walk(walk);
    }
    return 0;
}
