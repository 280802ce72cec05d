// SPDX-License-Identifier: MIT
use crate::common::*;

pub async fn answer() {
    let n = number(1000);
    for _ in 1..n {
        tokio::spawn(async {
            loop {
                yield_now().await;
            }
        });
    }
    yield_now().await;
    let turns = std::cmp::max(1_000_000 / n, 5);
    say(
        "ns_per_yield",
        ns!(turns, yield_now().await) / n as f64,
        "ns",
    );
}
