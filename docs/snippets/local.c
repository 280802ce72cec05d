static hark_local user = HARK_LOCAL_INIT("nobody");

static void note(const char *words)     /* fifteen calls further down */
{
    printf("%s: %s\n", (const char *)hark_local_get(&user), words);
}

static int serve_as(char *name, hark_fn *serve, void *request)
{
    hark_binding b;
    int rc = hark_local_bind(&b, &user, name);
    if (rc == 0) {
        rc = serve(request);            /* in it, and in all of its tasks */
        hark_local_unbind(&b);
    }
    note("done");
    return rc;
}
