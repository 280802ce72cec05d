// SPDX-License-Identifier: MIT
use crate::common::*;
use tokio::sync::Mutex;

pub async fn answer() {
    let tasks = number(1);
    let lock = leak(Mutex::new(()));
    if tasks == 1 {
        say("ns_alone", ns!(3_000_000, drop(lock.lock().await)), "ns");
        return;
    }
    let mut held = lock.lock().await;
    for _ in 1..tasks {
        tokio::spawn(async {
            let mut held = lock.lock().await;
            loop {
                drop(held);
                held = lock.lock().await;
            }
        });
    }
    yield_now().await;
    let turns = ns!(1_000_000 / tasks, {
        drop(held);
        held = lock.lock().await;
    });
    drop(held);
    say("ns_per_hand_over", turns / tasks as f64, "ns");
}
