// SPDX-License-Identifier: MIT
use crate::common::*;
use tokio::sync::Barrier;

pub async fn answer() {
    let parties = number(1);
    let barrier = leak(Barrier::new(parties));
    for _ in 1..parties {
        tokio::spawn(async {
            loop {
                barrier.wait().await;
            }
        });
    }
    let ns = ns!(1_000_000 / parties, barrier.wait().await) / parties as f64;
    say(
        if parties > 1 {
            "ns_per_party"
        } else {
            "ns_alone"
        },
        ns,
        "ns",
    );
}
