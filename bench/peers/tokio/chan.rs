// SPDX-License-Identifier: MIT
use crate::common::*;
use tokio::sync::mpsc;

pub async fn answer() {
    let slots = number(0);
    if slots == 0 {
        skip("its channels have at least one slot");
    }
    let (sender, mut receiver) = mpsc::channel::<u64>(slots);
    let alone = ns!(2_000_000, {
        sender.send(1).await.expect("a receiver");
        receiver.recv().await
    });
    say("ns_alone", alone, "ns");
    tokio::spawn(async move {
        let mut item = 0;
        while sender.send(item).await.is_ok() {
            item += 1;
        }
    });
    say("ns_per_item", ns!(1_000_000, receiver.recv().await), "ns");
}
