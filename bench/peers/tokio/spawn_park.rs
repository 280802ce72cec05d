// SPDX-License-Identifier: MIT
use crate::common::*;
use std::time::Instant;

pub async fn answer() {
    let n = number(1_000_000);
    let gate = leak(Notify::new());
    for cold in [true, false] {
        let (rss, tables) = (status("VmRSS"), status("VmPTE"));
        let (waiting, ended) = (Count::new(n), Count::new(n));
        let start = Instant::now();
        for _ in 0..n {
            tokio::spawn(async move {
                waiting.one();
                gate.notified().await;
                ended.one();
            });
        }
        waiting.wait().await;
        let spent = each(start, n);
        say(if cold { "ns_cold" } else { "ns_warm" }, spent, "ns");
        if cold {
            let (rss, tables) = (status("VmRSS") - rss, status("VmPTE") - tables);
            say("rss_per_task", rss / n as f64, "B");
            say("tables_per_task", tables / n as f64, "B");
            say("bytes_per_task", (rss + tables) / n as f64, "B");
        }
        gate.notify_waiters();
        ended.wait().await;
    }
}
