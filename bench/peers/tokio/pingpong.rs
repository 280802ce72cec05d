// SPDX-License-Identifier: MIT
//
// A Notify is its flag: it holds one permit, which the one who waited takes.
use crate::common::*;

pub async fn answer() {
    let (ping, pong) = (leak(Notify::new()), leak(Notify::new()));
    tokio::spawn(async {
        loop {
            ping.notified().await;
            pong.notify_one();
        }
    });
    let trip = ns!(500_000, {
        ping.notify_one();
        pong.notified().await
    });
    say("ns_per_round_trip", trip, "ns");
}
