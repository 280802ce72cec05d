// SPDX-License-Identifier: MIT
//
// Its limiter is its semaphore, as in sem.rs; it has no latch.
use crate::common::*;
use tokio::sync::{broadcast, OnceCell, RwLock};

const CALLS: usize = 2_000_000;

pub async fn answer() {
    let (lock, once) = (RwLock::new(()), OnceCell::new());
    let (news, mut reader) = broadcast::channel::<u64>(64);
    say("ns_read", ns!(CALLS, drop(lock.read().await)), "ns");
    say("ns_write", ns!(CALLS, drop(lock.write().await)), "ns");
    say(
        "ns_once",
        ns!(CALLS, once.get_or_init(|| async {}).await),
        "ns",
    );
    let sent = ns!(CALLS, {
        news.send(1).expect("a reader");
        reader.recv().await.expect("news")
    });
    say("ns_broadcast", sent, "ns");
}
