// SPDX-License-Identifier: MIT
"use strict";
const { Memory, now, say, size } = require("./common");

async function waiter(promise) {
  await promise;
}

async function main() {
  const n = size(1000000);
  for (const key of ["ns_cold", "ns_warm"]) {
    let set;
    const promise = new Promise((resolve) => (set = resolve));
    const tasks = [];
    const memory = new Memory();
    const start = now();
    for (let i = 0; i < n; i++) tasks.push(waiter(promise));
    say(key, (now() - start) / n);
    if (key === "ns_cold") memory.say(n);
    set();
    await Promise.all(tasks);
  }
}

main();
