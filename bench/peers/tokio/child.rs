// SPDX-License-Identifier: MIT
use crate::common::*;
use std::time::Instant;
use tokio::process::Command;

async fn run(n: usize) -> Duration {
    let mut standing = Duration::ZERO;
    for _ in 0..n {
        let start = Instant::now();
        let mut child = Command::new("/bin/true").spawn().expect("a child");
        standing += start.elapsed();
        child.wait().await.expect("to wait");
    }
    standing
}

async fn side_by_side(n: usize) {
    let all: Vec<_> = (0..8).map(|_| tokio::spawn(run(n / 8))).collect();
    for one in all {
        one.await.expect("to join");
    }
}

pub async fn answer() {
    let n = number(200);
    let mut standing = Vec::new();
    let alone = ns!(1, standing.push(run(n).await)) / n as f64;
    say("ns_alone", alone, "ns");
    say("ns_beside", ns!(1, side_by_side(n).await) / n as f64, "ns");
    let standing = standing
        .iter()
        .map(|d| d.as_nanos() as f64 / n as f64)
        .collect();
    say("ns_standing", median(standing), "ns");
}
