// SPDX-License-Identifier: MIT
use crate::common::*;
use tokio::sync::Semaphore;

pub async fn answer() {
    let tasks = number(1);
    let permits = leak(Semaphore::new(1));
    if tasks == 1 {
        say(
            "ns_alone",
            ns!(3_000_000, drop(permits.acquire().await.expect("a permit"))),
            "ns",
        );
        return;
    }
    let mut held = permits.acquire().await.expect("a permit");
    for _ in 1..tasks {
        tokio::spawn(async {
            let mut held = permits.acquire().await.expect("a permit");
            loop {
                drop(held);
                held = permits.acquire().await.expect("a permit");
            }
        });
    }
    yield_now().await;
    let turns = ns!(1_000_000 / tasks, {
        drop(held);
        held = permits.acquire().await.expect("a permit");
    });
    drop(held);
    say("ns_per_hand_over", turns / tasks as f64, "ns");
}
