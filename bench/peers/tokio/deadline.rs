// SPDX-License-Identifier: MIT
use crate::common::*;
use tokio::time::timeout;

async fn wait(e: &Notify, timed: bool) {
    if timed {
        timeout(SECOND, e.notified()).await.expect("no timeout");
    } else {
        e.notified().await;
    }
}

async fn trips(timed: bool) -> f64 {
    let (ping, pong) = (leak(Notify::new()), leak(Notify::new()));
    tokio::spawn(async move {
        loop {
            wait(ping, timed).await;
            pong.notify_one();
        }
    });
    ns!(300_000, {
        ping.notify_one();
        wait(pong, timed).await
    })
}

pub async fn answer() {
    let plain = trips(false).await;
    let with = trips(true).await;
    say("ns_per_round_trip", with, "ns");
    say("ns_per_deadline", (with - plain) / 2.0, "ns");
}
