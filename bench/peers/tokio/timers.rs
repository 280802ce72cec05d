// SPDX-License-Identifier: MIT
//
// Its timers without a task each are those of a DelayQueue, which gives one after another to the
// one task that has it. It goes by the millisecond.
use crate::common::*;
use futures_util::StreamExt;
use std::time::Instant;
use tokio_util::time::{delay_queue::Key, DelayQueue};

fn after(first: Instant, i: usize) -> Duration {
    let deadline = first + Duration::from_nanos(mix(i as u64) % 1_000_000_000);
    deadline.saturating_duration_since(Instant::now())
}

pub async fn answer() {
    let n = number(1_000_000);
    let memory = status("VmRSS") + status("VmPTE");
    let mut timers = DelayQueue::with_capacity(n);
    let mut keys: Vec<Key> = Vec::with_capacity(n);
    let lead = Duration::from_millis(100) + Duration::from_micros(4) * n as u32;
    let first = Instant::now() + lead;
    let used = cpu();
    for i in 0..n {
        keys.push(timers.insert((), after(first, i)));
    }
    say("ns_arm", (cpu() - used) / n as f64, "ns");
    let memory = status("VmRSS") + status("VmPTE") - memory;
    say("bytes_per_timer", memory / n as f64, "B");
    let used = cpu();
    for i in 0..n {
        timers.reset(
            &keys[(mix((n + i) as u64) % n as u64) as usize],
            after(first, i),
        );
    }
    say("ns_rearm", (cpu() - used) / n as f64, "ns");
    assert!(Instant::now() < first);
    let used = cpu();
    for _ in 0..n {
        timers.next().await;
    }
    say("ns_fire", (cpu() - used) / n as f64, "ns");
    say("late_ms", (first.elapsed().as_secs_f64() - 1.0) * 1e3, "ms");
    let hot = ns!(500_000, {
        let key = timers.insert((), SECOND);
        timers.remove(&key)
    });
    say("ns_arm_cancel", hot, "ns");
}
