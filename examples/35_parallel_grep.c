/* SPDX-License-Identifier: MIT
 *
 * 35_parallel_grep - count a word in all files of a tree: one task walks, four read and count.
 * The paths go through a queue of eight, so that the walk never runs far ahead of the readers.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A_TREE "cd %s; mkdir a; for i in 1 2 3; do echo hay >$i; echo needle needle >a/$i; done"
static char root[] = "/tmp/hark-grep-XXXXXX", path[128];
static hark_queue paths;
static int words;

static int reader(void *word)
{
    char name[sizeof path];
    void *text;
    size_t size;
    int rc;
    while ((rc = hark_queue_get(&paths, name)) == 0 &&
           (rc = hark_file_read_whole(name, &text, &size, 1 << 20)) == 0) {
        for (char *at = text; (at = strstr(at, word)); at++) {
            words++;
        }
        hark_file_free(text);
    }
    return rc == -EPIPE ? 0 : rc; /* it was shut down: that was all */
}

static int grep(void *word)
{
    hark_group readers;
    hark_walk *walk;
    hark_walk_entry entry;
    hark_group_open(&readers);
    for (int i = 0; i < 4; i++) {
        hark_go(&readers, reader, word);
    }
    int rc = hark_walk_open(&walk, root, NULL);
    while (rc >= 0 && (rc = hark_walk_next(walk, &entry)) > 0) {
        snprintf(path, sizeof path, "%s", entry.path);
        rc = entry.type == DT_REG ? hark_queue_put(&paths, path) : 0;
    }
    hark_queue_shutdown(&paths, false);
    return hark_group_close(&readers, rc) + hark_walk_close(walk);
}

int main(void)
{
    char command[200];
    snprintf(command, sizeof command, A_TREE, mkdtemp(root));
    hark_queue_init(&paths, sizeof path, 8, HARK_FIFO, NULL);
    int rc = system(command) ? -EIO : hark_run(grep, "needle");
    printf("%d times\n", words);
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command) || rc < 0;
}
