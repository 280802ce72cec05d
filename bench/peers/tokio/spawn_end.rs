// SPDX-License-Identifier: MIT
use crate::common::*;
use std::time::Instant;

async fn batch(n: usize) -> f64 {
    let start = Instant::now();
    let ended = Count::new(n);
    for _ in 0..n {
        tokio::spawn(async move { ended.one() });
    }
    ended.wait().await;
    each(start, n)
}

pub async fn answer() {
    let n = number(1_000_000);
    say("ns_batch_cold", batch(n).await, "ns");
    let mut warm = Vec::new();
    for _ in 0..BATCHES {
        warm.push(batch(n).await);
    }
    say("ns_batch_warm", median(warm), "ns");
    let serial = ns!(500_000, tokio::spawn(async {}).await.expect("to join"));
    say("ns_serial", serial, "ns");
}
