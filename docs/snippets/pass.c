/* Hands a connection to another process, if that runs as ourselves. */
static int hand_over(int unix_socket, int connection)
{
    uid_t uid;
    int rc = hark_unix_peer(unix_socket, NULL, &uid, NULL);
    if (rc == 0 && uid != getuid())
        rc = -EACCES;
    if (rc == 0)
        rc = (int)hark_pass_send(unix_socket, &connection, 1, "c", 1);
    if (rc > 0)
        hark_close(connection);         /* the other one has its own by now */
    return rc < 0 ? rc : 0;
}
