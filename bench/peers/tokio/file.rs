// SPDX-License-Identifier: MIT
//
// Its files are read by its threads, a call each.
use crate::common::*;
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

const SIZE: usize = 64 << 20;
const PIECE: usize = 64 << 10;
const PAGE: usize = 4096;

pub async fn answer() {
    let path = format!("/tmp/hark-bench-tokio-{}", std::process::id());
    std::fs::write(&path, vec![0; SIZE]).expect("to write");
    let mut file = File::open(&path).await.expect("a file");
    let mut buffer = vec![0; PIECE];

    let mut at = 0;
    let pieces = ns!(SIZE / PIECE, {
        file.read_exact(&mut buffer).await.expect("to read");
        at = (at + PIECE) % SIZE;
        if at == 0 {
            file.rewind().await.expect("to rewind");
        }
    });
    say("ns_64k", pieces, "ns");

    let mut i = 0;
    let pages = ns!(4000, {
        let page = mix(i) % (SIZE / PAGE) as u64;
        i += 1;
        file.seek(SeekFrom::Start(page * PAGE as u64))
            .await
            .expect("to seek");
        file.read_exact(&mut buffer[..PAGE]).await.expect("to read")
    });
    say("ns_4k", pages, "ns");

    let open = ns!(2000, {
        let file = File::open(&path).await.expect("a file");
        file.metadata().await.expect("its status")
    });
    say("ns_open", open, "ns");
    std::fs::remove_file(&path).expect("to remove");
}
