// SPDX-License-Identifier: MIT
//
// Into a thread and back is its spawn_blocking. From a thread into the runtime and back is a
// message in a channel that brings a oneshot for the answer.
use crate::common::*;
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

const TRIPS: usize = 20_000;

fn calls(into: mpsc::Sender<oneshot::Sender<()>>) -> f64 {
    ns!(TRIPS, {
        let (reply, answer) = oneshot::channel();
        into.blocking_send(reply).expect("a runtime");
        answer.blocking_recv().expect("an answer")
    })
}

pub async fn answer() {
    let calls_of_thread = ns!(TRIPS, spawn_blocking(|| {}).await.expect("to join"));
    say("ns_thread_call", calls_of_thread, "ns");
    let (into, mut questions) = mpsc::channel(1);
    let thread = std::thread::spawn(move || calls(into));
    while let Some(reply) = questions.recv().await {
        reply.send(()).expect("a thread that waits");
    }
    say("ns_portal_call", thread.join().expect("to join"), "ns");
}
