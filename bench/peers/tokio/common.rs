// SPDX-License-Identifier: MIT
//
// Tokio: what its programs share, as bench.h does it.
//
// Who measures is a task like the others, for what block_on runs itself has another place in the
// turn. What all tasks share is leaked: no counting of references is measured.
use std::future::Future;
use std::time::Instant;

pub use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
pub use std::time::Duration;
pub use tokio::sync::Notify;
pub use tokio::task::yield_now;

pub const BATCHES: usize = 5;
pub const SECOND: Duration = Duration::from_secs(1);

pub fn say(key: &str, value: f64, unit: &str) {
    println!("{} {:.4} {}", key, value, unit);
}

// Left out in this case only: 77 would be for good.
pub fn skip(reason: &str) -> ! {
    println!("skip {}", reason);
    std::process::exit(0)
}

pub fn run(body: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async { tokio::spawn(body).await.expect("to measure") });
}

pub fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

// The arguments come after the question: a number of things, which may be 0.
pub fn text(otherwise: &str) -> String {
    std::env::args()
        .nth(2)
        .unwrap_or_else(|| otherwise.to_string())
}

pub fn number(otherwise: usize) -> usize {
    text(&otherwise.to_string()).parse().unwrap_or_else(|_| {
        eprintln!("no number: {}", text(""));
        std::process::exit(2)
    })
}

pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(|a, b| a.total_cmp(b));
    let n = values.len();
    if n % 2 == 1 {
        values[n / 2]
    } else {
        (values[n / 2 - 1] + values[n / 2]) / 2.0
    }
}

pub fn each(since: Instant, n: usize) -> f64 {
    since.elapsed().as_nanos() as f64 / n as f64
}

// Nanoseconds for one of the n things that the body does, which may wait.
#[macro_export]
macro_rules! ns {
    ($n:expr, $body:expr) => {{
        let mut values = Vec::new();
        for batch in 0..=BATCHES {
            let n: usize = if batch == 0 { $n / 10 + 1 } else { $n };
            let start = std::time::Instant::now();
            for _ in 0..n {
                $body;
            }
            if batch > 0 {
                values.push(each(start, n));
            }
        }
        median(values)
    }};
}
pub use ns;

// How many are there already, and a word to who waits for the last one.
pub struct Count {
    there: AtomicUsize,
    all: AtomicUsize,
    full: Notify,
}

impl Count {
    pub fn new(all: usize) -> &'static Count {
        leak(Count {
            there: AtomicUsize::new(0),
            all: AtomicUsize::new(all),
            full: Notify::new(),
        })
    }

    // One thread only: a load and a store are enough.
    pub fn one(&self) {
        let now = self.there.load(Relaxed) + 1;
        self.there.store(now, Relaxed);
        if now == self.all.load(Relaxed) {
            self.full.notify_one();
        }
    }

    pub async fn wait(&self) {
        self.full.notified().await
    }
}

pub fn cpu() -> f64 {
    let mut t = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut t) };
    t.tv_sec as f64 * 1e9 + t.tv_nsec as f64
}

pub fn status(field: &str) -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(field)).unwrap_or("");
    let kib = line.split_whitespace().nth(1).unwrap_or("0");
    kib.parse::<f64>().unwrap_or(0.0) * 1024.0
}

pub fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 31)).wrapping_mul(0x7fb5d329728ea185);
    let x = (x ^ (x >> 27)).wrapping_mul(0x81dadef4bc2dd44d);
    x ^ (x >> 33)
}
