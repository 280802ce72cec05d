static int prepare(void)
{
    int rc = hark_lint("stack", true);  /* tell who comes near the end of its stack */
    return rc ? rc : hark_lint("shield", false); /* our clean-up takes minutes, and may */
}
