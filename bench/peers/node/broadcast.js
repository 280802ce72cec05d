// SPDX-License-Identifier: MIT
"use strict";
const { BATCHES, median, now, say, size } = require("./common");
const n = size(1000);
const events = n < 1000 ? Math.floor(1000 / n) : 1;

async function waiter(promise) {
  await promise;
}

async function main() {
  const whole = [];
  const within = [];
  for (let round = 0; round < (n > 30000 ? 1 : BATCHES); round++) {
    const set = [];
    const tasks = [];
    for (let i = 0; i < events; i++) {
      const promise = new Promise((resolve) => set.push(resolve));
      for (let k = 0; k < n; k++) tasks.push(waiter(promise));
    }
    const ended = Promise.all(tasks);
    const start = now();
    for (const one of set) one();
    const middle = now();
    await ended;
    whole.push((now() - start) / (n * events));
    within.push((middle - start) / (n * events));
  }
  say("ns_per_task", median(whole));
  say("ns_in_set", median(within));
}

main();
