// SPDX-License-Identifier: MIT
//
// Tokio: one program for all questions, `tokio QUESTION ARGUMENTS`, a file for each question.
#![recursion_limit = "1024"]
mod common;

macro_rules! questions {
    ($($name:ident)*) => {
        $(mod $name;)*

        fn main() {
            match std::env::args().nth(1).as_deref() {
                $(Some(stringify!($name)) => common::run($name::answer()),)*
                _ => std::process::exit(2),
            }
        }
    };
}

questions! {
    barrier broadcast chan child cond deadline echo file http lock pingpong post queue scope select
    sem sleep_many spawn_end spawn_park stream switch thread timers udp uncontended yield_n
}
