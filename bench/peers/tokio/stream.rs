// SPDX-License-Identifier: MIT
//
// Lines come through a BufReader; a plain read is the socket's own, as the limit's is. Small reads
// through the BufReader cost far less, and are said, too (ns_per_read_ahead).
use crate::common::*;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

const LINE: usize = 40;
const LINES: usize = 800;
const ALL: usize = 160_000;

pub async fn answer() {
    let mut text = vec![b'x'; LINE * LINES];
    text.iter_mut()
        .skip(LINE - 1)
        .step_by(LINE)
        .for_each(|c| *c = b'\n');
    let (mut out, from) = UnixStream::pair().expect("a socket pair");
    let mut from = BufReader::new(from);
    let mut left = 0;

    let mut line = String::new();
    let lines = ns!(ALL, {
        if left == 0 {
            out.write_all(&text).await.expect("to write");
            left = LINES;
        }
        left -= 1;
        line.clear();
        assert_eq!(from.read_line(&mut line).await.expect("a line"), LINE)
    });
    say("ns_per_line", lines, "ns");

    let mut piece = [0; LINE];
    let reads = ns!(ALL, {
        if left == 0 {
            out.write_all(&text).await.expect("to write");
            left = LINES;
        }
        left -= 1;
        from.read_exact(&mut piece).await.expect("to read")
    });
    say("ns_per_read_ahead", reads, "ns");
    while left > 0 {
        from.read_exact(&mut piece).await.expect("to read");
        left -= 1;
    }

    let mut plain = from.into_inner();
    let reads = ns!(ALL, {
        if left == 0 {
            out.write_all(&text).await.expect("to write");
            left = LINES;
        }
        left -= 1;
        assert_eq!(plain.read(&mut piece).await.expect("to read"), LINE)
    });
    say("ns_per_read", reads, "ns");
}
