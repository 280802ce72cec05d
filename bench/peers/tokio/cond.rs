// SPDX-License-Identifier: MIT
//
// It has no condition: a Notify goes beside the lock, and who waits is enrolled before it lets go.
use crate::common::*;
use tokio::sync::{Mutex, MutexGuard};

async fn wait(
    changed: &'static Notify,
    lock: &'static Mutex<()>,
    held: MutexGuard<'static, ()>,
) -> MutexGuard<'static, ()> {
    let waiting = changed.notified();
    tokio::pin!(waiting);
    waiting.as_mut().enable();
    drop(held);
    waiting.await;
    lock.lock().await
}

pub async fn answer() {
    let tasks = number(1);
    let (changed, lock) = (leak(Notify::new()), leak(Mutex::new(())));
    if tasks == 1 {
        say("ns_alone", ns!(5_000_000, changed.notify_waiters()), "ns");
        return;
    }
    for _ in 1..tasks {
        tokio::spawn(async {
            let mut held = wait(changed, lock, lock.lock().await).await;
            loop {
                changed.notify_one();
                held = wait(changed, lock, held).await;
            }
        });
    }
    yield_now().await;
    let mut held = lock.lock().await;
    let turns = ns!(1_000_000 / tasks, {
        changed.notify_one();
        held = wait(changed, lock, held).await;
    });
    drop(held);
    say("ns_per_turn", turns / tasks as f64, "ns");
}
