static int kept[16];
static hark_broadcast prices = HARK_BROADCAST_INIT(kept, sizeof kept[0], 16);

static int listen_to_prices(void *place)    /* a hark_subscriber */
{
    int price, missed;
    while ((missed = hark_broadcast_recv(place, &price)) >= 0) {
        printf("%d (%d missed before)\n", price, missed);
    }
    return missed == -ENODATA ? 0 : missed; /* it was closed */
}

static int publish(int price)
{
    return hark_broadcast_send(&prices, &price);    /* never waits */
}
