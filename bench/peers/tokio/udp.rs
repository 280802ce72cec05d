// SPDX-License-Identifier: MIT
//
// It has no call for many datagrams at a time.
use crate::common::*;
use tokio::net::UdpSocket;

const SIZE: usize = 64;
const BATCH: usize = 32;
const DATAGRAMS: usize = 16_000;

pub async fn answer() {
    let to = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let from = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    from.connect(to.local_addr().expect("a port"))
        .await
        .expect("to connect");
    let mut buffer = [0; SIZE];
    let batch = ns!(DATAGRAMS / BATCH, {
        for _ in 0..BATCH {
            assert_eq!(from.send(&buffer).await.expect("to send"), SIZE);
        }
        for _ in 0..BATCH {
            assert_eq!(to.recv(&mut buffer).await.expect("to receive"), SIZE);
        }
    });
    say("ns_one_by_one", batch / BATCH as f64, "ns");
}
