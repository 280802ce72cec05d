// SPDX-License-Identifier: MIT
//
// Its queues are its channels, bounded and unbounded; there is none by priority.
use crate::common::*;
use tokio::sync::mpsc;

const ITEMS: usize = 1_000_000;

macro_rules! measure {
    ($open:expr, $($wait:tt)*) => {{
        let (there, mut out) = $open;
        let (back, mut home) = $open;
        let mut item = 1u64;
        let alone = ns!(ITEMS, {
            there.send(item)$($wait)*.expect("a receiver");
            item = out.recv().await.expect("an item") + 1;
        });
        say("ns_alone", alone, "ns");
        let reply = back.clone();
        tokio::spawn(async move {
            while let Some(item) = out.recv().await {
                reply.send(item)$($wait)*.expect("a receiver");
            }
        });
        let trip = ns!(ITEMS / 2, {
            there.send(item)$($wait)*.expect("a receiver");
            item = home.recv().await.expect("an item");
        });
        say("ns_per_hand_over", trip / 2.0, "ns");
        (back, home)
    }};
}

async fn bounded() {
    let (back, mut home) = measure!(mpsc::channel::<u64>(64), .await);
    tokio::spawn(async move {
        let mut item = 0;
        while back.send(item).await.is_ok() {
            item += 1;
        }
    });
    say("ns_per_item", ns!(ITEMS, home.recv().await), "ns");
}

async fn unbounded() {
    measure!(mpsc::unbounded_channel::<u64>(),);
}

pub async fn answer() {
    match text("bounded").as_str() {
        "bounded" => bounded().await,
        "unbounded" => unbounded().await,
        _ => skip("it has no queue by priority"),
    }
}
