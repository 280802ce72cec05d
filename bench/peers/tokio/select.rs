// SPDX-License-Identifier: MIT
//
// Its select is a macro that names each case.
use crate::common::*;
use tokio::sync::mpsc::{channel, Receiver, Sender};

macro_rules! choose {
    ($from:expr, $($r:ident)*) => {
        if let [$($r,)* ..] = &mut $from[..] {
            tokio::select! { $(_ = $r.recv() => {})* }
        }
    };
}

macro_rules! measure {
    ($to:expr, $from:expr, $count:expr, $($r:ident)*) => {{
        let (to, mut turn, count) = ($to, 0, $count);
        let ready = ns!(2_000_000 / (count + 2), {
            next(&to, &mut turn).send(1).await.expect("a receiver");
            choose!($from, $($r)*)
        });
        say("ns_ready", ready, "ns");
        tokio::spawn(async move {
            loop {
                next(&to, &mut turn).send(1).await.expect("a receiver");
                yield_now().await;
            }
        });
        let woken = ns!(1_000_000 / (count + 2), choose!($from, $($r)*));
        say("ns_woken", woken, "ns");
    }};
}

fn next<'a>(to: &'a [Sender<u64>], turn: &mut usize) -> &'a Sender<u64> {
    *turn += 27;
    &to[*turn % to.len()]
}

pub async fn answer() {
    let count = if number(2) == 2 { 2 } else { 64 };
    let (to, mut from): (Vec<Sender<u64>>, Vec<Receiver<u64>>) =
        (0..count).map(|_| channel(1)).unzip();
    if count == 2 {
        measure!(to, from, count, a b);
    } else {
        measure!(to, from, count,
            a0 a1 a2 a3 a4 a5 a6 a7 b0 b1 b2 b3 b4 b5 b6 b7 c0 c1 c2 c3 c4 c5 c6 c7
            d0 d1 d2 d3 d4 d5 d6 d7 e0 e1 e2 e3 e4 e5 e6 e7 f0 f1 f2 f3 f4 f5 f6 f7
            g0 g1 g2 g3 g4 g5 g6 g7 h0 h1 h2 h3 h4 h5 h6 h7);
    }
}
