// SPDX-License-Identifier: MIT
//
// What a thread posts is a message in a channel: a function and its argument.
use crate::common::*;
use std::sync::atomic::Ordering::{Acquire, Release};
use std::time::Instant;
use tokio::sync::mpsc::{unbounded_channel, UnboundedSender};

const NODES: usize = 1000;
const ROUNDS: usize = 300;

type Post = (fn(&'static AtomicUsize), &'static AtomicUsize);

fn ran(left: &'static AtomicUsize) {
    left.fetch_sub(1, Release);
}

fn post(into: UnboundedSender<Post>) {
    let left = leak(AtomicUsize::new(0));
    for _ in 0..ROUNDS {
        left.store(NODES, Release);
        for _ in 0..NODES {
            into.send((ran, left)).expect("a runtime");
        }
        while left.load(Acquire) > 0 {
            std::thread::yield_now();
        }
    }
}

pub async fn answer() {
    for threads in [1, 4] {
        let start = Instant::now();
        let (into, mut posts) = unbounded_channel::<Post>();
        for _ in 0..threads {
            let into = into.clone();
            std::thread::spawn(move || post(into));
        }
        drop(into);
        while let Some((call, argument)) = posts.recv().await {
            call(argument);
        }
        let key = if threads == 1 {
            "ns_per_post_1"
        } else {
            "ns_per_post_4"
        };
        say(key, each(start, threads * ROUNDS * NODES), "ns");
    }
}
