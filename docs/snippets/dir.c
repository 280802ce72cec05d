/* The tree below root, but for hidden folders. */
static int list(const char *root)
{
    hark_walk *walk;
    hark_walk_entry e;
    int rc = hark_walk_open(&walk, root, NULL);
    while (rc >= 0 && (rc = hark_walk_next(walk, &e)) > 0) {
        if (e.error)
            fprintf(stderr, "%s: cannot be read\n", e.path);
        else if (e.type == DT_DIR && e.depth > 0 && e.name[0] == '.')
            hark_walk_skip(walk);
        else
            printf("%s\n", e.path);
    }
    hark_walk_close(walk);
    return rc;
}
