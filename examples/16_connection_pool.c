/* SPDX-License-Identifier: MIT
 *
 * 16_connection_pool - five clients, and a server that allows two connections.
 * A connection is made when somebody needs one and none is idle, goes from client to client, and
 * is discarded when a query on it has failed or was cut short; whoever waits then makes a new one.
 */
#include <errno.h>
#include <hark.h>
#include <stdio.h>

static hark_resources pool;

static int make(void *made, void **connection)
{
    *connection = (void *)(intptr_t)++ * (int *)made; /* stands for a descriptor */
    return hark_sleep(HARK_MS(50));
}

static void end(void *made, void *connection)
{
    printf("connection %d of %d is closed\n", (int)(intptr_t)connection, *(int *)made);
}

static int client(void *n)
{
    void *connection;
    int rc = hark_resources_get(&pool, &connection);
    if (rc < 0) {
        return rc;
    }
    printf("query %d on connection %d\n", (int)(intptr_t)n, (int)(intptr_t)connection);
    rc = (intptr_t)n == 2 ? -ECONNRESET : hark_sleep(HARK_MS(10)); /* stands for the query */
    if (rc == 0) {
        return hark_resources_put(&pool, connection);
    }
    hark_resources_discard(&pool, connection); /* half an answer may still be under way */
    return rc == -ECONNRESET ? 0 : rc;
}

static int first_task(void *made)
{
    hark_group clients;
    int rc = hark_resources_init(&pool, 2, HARK_LIFO, make, end, made);
    hark_group_open(&clients);
    for (intptr_t i = 1; i <= 5 && rc >= 0; i++) {
        rc = (int)hark_go(&clients, client, (void *)i);
    }
    rc = hark_group_close(&clients, rc);
    hark_resources_free(&pool);
    return rc;
}

int main(void)
{
    hark_options options = {.size = sizeof options, .virtual_clock = true};
    return hark_run_with(&options, first_task, &(int){0}) < 0;
}
