// SPDX-License-Identifier: MIT
use crate::common::*;
use std::time::Instant;

async fn round(n: usize, events: usize) -> (f64, f64) {
    let all = n * events;
    let (waiting, ended) = (Count::new(all), Count::new(all));
    let e: Vec<&'static Notify> = (0..events).map(|_| leak(Notify::new())).collect();
    for i in 0..all {
        let e = e[i / n];
        tokio::spawn(async move {
            waiting.one();
            e.notified().await;
            ended.one();
        });
    }
    waiting.wait().await;
    let start = Instant::now();
    for one in e {
        one.notify_waiters();
    }
    let set = each(start, all);
    ended.wait().await;
    (each(start, all), set)
}

pub async fn answer() {
    let n = number(1000);
    let events = if n < 1000 { 1000 / n } else { 1 };
    let rounds = if n > 300_000 { 1 } else { BATCHES };
    let (mut whole, mut set) = (Vec::new(), Vec::new());
    round(n, events).await;
    for _ in 0..rounds {
        let (w, s) = round(n, events).await;
        whole.push(w);
        set.push(s);
    }
    say("ns_per_task", median(whole), "ns");
    say("ns_in_set", median(set), "ns");
}
