/* SPDX-License-Identifier: MIT
 *
 * component.c - a program that needs a component: it prints "woken" when that answers.
 */
#include <hark.h>
#include <hark/tls.h>
#include <stdio.h>

static int program(void *arg)
{
    hark_tls_context *context = NULL;
    int rc = hark_tls_context_open(&context, HARK_TLS_CLIENT, NULL);

    (void)arg;
    hark_tls_context_close(context);
    return rc;
}

int main(void)
{
    int rc = hark_run(program, NULL);

    puts(rc ? hark_error_last() : "woken");
    return rc != 0;
}
