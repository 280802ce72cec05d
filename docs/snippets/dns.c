#include <hark/dns.h>

/* Where mail for a domain goes; and every name of this loop is asked without a thread. */
static int exchangers(const char *domain)
{
    hark_dns dns;
    hark_dns_answer answer = HARK_DNS_ANSWER_INIT;
    int rc = hark_dns_open(&dns, NULL);
    if (rc < 0)
        return rc;
    int n = hark_dns_query(&dns, domain, HARK_DNS_MX, &answer);
    for (int i = 0; i < n; i++)
        printf("%d %s\n", answer.records[i].priority, answer.records[i].host);
    hark_dns_answer_free(&answer);
    hark_dns_close(&dns);               /* before the loop ends */
    return n < 0 ? n : 0;
}
