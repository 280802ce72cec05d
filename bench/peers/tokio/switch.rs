// SPDX-License-Identifier: MIT
use crate::common::*;

pub async fn answer() {
    tokio::spawn(async {
        loop {
            yield_now().await;
        }
    });
    say("ns_per_yield", ns!(500_000, yield_now().await) / 2.0, "ns");
}
