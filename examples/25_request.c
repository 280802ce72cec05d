/* SPDX-License-Identifier: MIT
 *
 * 25_request - every line of the log names its request, though nobody hands the name on.
 * The name is bound to a key while the request is served. All that is called then sees it, and so
 * do the tasks of all groups that are opened meanwhile; requests side by side see their own.
 */
#include <hark.h>
#include <stdarg.h>
#include <stdio.h>

static hark_local request = HARK_LOCAL_INIT("nobody");

static void say(const char *words) /* deep down, where nothing is known of requests */
{
    printf("[%s] %s\n", (const char *)hark_local_get(&request), words);
}

static int ask_backend(void *name)
{
    int rc = hark_sleep(HARK_MS(10));
    say(rc == 0 ? name : "cut short");
    return rc;
}

static int serve(void)
{
    hark_group backends;
    hark_group_open(&backends); /* after the binding: its tasks see what was bound before */
    hark_task stock = hark_go(&backends, ask_backend, "the stock has answered");
    hark_task prices = hark_go(&backends, ask_backend, "the prices have answered");
    return hark_group_close(&backends, stock < 0 ? (int)stock : prices < 0 ? (int)prices : 0);
}

static int handle(void *name)
{
    hark_binding b;
    int rc = hark_local_bind(&b, &request, name);
    if (rc == 0) {
        rc = serve();
        hark_local_unbind(&b); /* on every way out */
    }
    say("is done with a request");
    return rc;
}

static int first_task(void *unused)
{
    (void)unused;
    hark_group requests;
    hark_group_open(&requests);
    hark_task one = hark_go(&requests, handle, "order 17");
    hark_task two = hark_go(&requests, handle, "order 18");
    return hark_group_close(&requests, one < 0 ? (int)one : two < 0 ? (int)two : 0);
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, NULL) < 0;
}
