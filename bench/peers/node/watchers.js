// SPDX-License-Identifier: MIT
"use strict";
// Whoever waits for a promise cannot give that up.
const { BATCHES, Memory, median, now, say, size } = require("./common");

const n = size(1000);
const events = n < 1000 ? Math.floor(1000 / n) : 1;
const sum = ([rss, tables]) => rss + tables;
const armed = [];
const called = [];

async function round(first) {
  const memory = new Memory();
  const set = [];
  const promises = Array.from({ length: events }, () => new Promise((resolve) => set.push(resolve)));
  let left = n * events;
  let finish;
  const all_called = new Promise((resolve) => (finish = resolve));
  const call = () => {
    if (--left === 0) finish();
  };
  let start = now();
  for (let i = 0; i < n * events; i++) promises[Math.floor(i / n)].then(call);
  armed.push((now() - start) / (n * events));
  if (first && n >= 10000) say("bytes_per_watcher", sum(memory.each(n)), "B");
  start = now();
  for (const one of set) one();
  await all_called;
  called.push((now() - start) / (n * events));
}

async function main() {
  for (let r = 0; r < BATCHES; r++) await round(r === 0);
  say("ns_watch", median(armed));
  say("ns_per_call", median(called));
}

main();
