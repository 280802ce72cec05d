// SPDX-License-Identifier: MIT
//
// Its event that stays set is a watch: look, and wait only if it is not so. There is no scope; a
// timeout around a call is its way.
use crate::common::*;
use tokio::sync::watch;
use tokio::time::timeout;

async fn wait(set: &mut watch::Receiver<bool>) {
    while !*set.borrow() {
        set.changed().await.expect("a sender");
    }
}

pub async fn answer() {
    let (_sender, mut set) = watch::channel(true);
    say("ns_call", ns!(2_000_000, wait(&mut set).await), "ns");
    let within = ns!(
        2_000_000,
        timeout(SECOND, wait(&mut set)).await.expect("no timeout")
    );
    say("ns_within", within, "ns");
}
