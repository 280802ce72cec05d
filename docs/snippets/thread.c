struct news {
    hark_loop *to;                      /* held: hark_loop_hold(hark_loop_self()) */
    hark_watch node;
    hark_event arrived;
};

static void on_news(void *arg)          /* in the loop */
{
    struct news *n = arg;
    hark_event_set(&n->arrived);
}

static void *reporter(void *arg)        /* in a thread of its own */
{
    struct news *n = arg;
    hark_loop_post(n->to, &n->node, on_news, n);
    hark_loop_drop(n->to);
    return NULL;
}
