/* The first line of a log. */
static int first_line(void)
{
    return printf("hark %s, hub %s, guards %s\n", hark_version(), hark_hub(), hark_guard());
}
