/* What a program writes, within two seconds. Cancelled or late, it is ended and reaped. */
static int64_t sorted(const char *text, size_t length, hark_output *out)
{
    const char *const argv[] = {"sort", "-n", NULL};
    hark_process_options how = {
        .size = sizeof how,
        .input = text,
        .input_size = length,
        .output = out,                  /* to be freed: hark_output_free */
        .check = true,                  /* anything but an exit with 0 is a failure */
    };
    return hark_within(HARK_S(2), hark_process_run(&how, argv, NULL));
}
