// SPDX-License-Identifier: MIT
//
// Its timers go by the millisecond.
use crate::common::*;
use tokio::time::{sleep_until, Instant};

fn deadline(first: Instant, i: usize) -> Instant {
    first + Duration::from_nanos(mix(i as u64) % 1_000_000_000)
}

pub async fn answer() {
    let n = number(1_000_000);
    let (gate, first) = tokio::sync::watch::channel(Instant::now());
    let (waiting, asleep, ended) = (Count::new(n), Count::new(n), Count::new(n));
    for i in 0..n {
        let mut first = first.clone();
        tokio::spawn(async move {
            waiting.one();
            first.changed().await.expect("a gate");
            let deadline = deadline(*first.borrow(), i);
            drop(first);
            asleep.one();
            sleep_until(deadline).await;
            ended.one();
        });
    }
    drop(first);
    waiting.wait().await;
    let lead = Duration::from_millis(100) + Duration::from_micros(2) * n as u32;
    let first = Instant::now() + lead;
    let used = cpu();
    gate.send(first).expect("sleepers");
    asleep.wait().await;
    say("ns_arm", (cpu() - used) / n as f64, "ns");
    let used = cpu();
    ended.wait().await;
    say("ns_fire", (cpu() - used) / n as f64, "ns");
    say("late_ms", (first.elapsed().as_secs_f64() - 1.0) * 1e3, "ms");
}
