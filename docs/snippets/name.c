static int show(const char *host)
{
    hark_address list[16];
    char text[HARK_ADDRESS_TEXT];
    int64_t n = hark_within(HARK_S(5), hark_resolve(host, "80", list, 16, NULL));
    if (n == -EHOSTDOWN)
        printf("nobody knows now: %s\n", hark_error_last());
    for (int64_t i = 0; i < n; i++)
        puts(hark_address_text(&list[i].at.any, text, sizeof text));
    return n < 0 ? (int)n : 0;
}
