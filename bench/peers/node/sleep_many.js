// SPDX-License-Identifier: MIT
"use strict";
// Its timers count milliseconds.
const { cpu, nanosecond, say, size } = require("./common");
const n = size(1000000);
const offsets = new Float64Array(n).map((_, i) => nanosecond(i) / 1e6);
let first;

async function sleeper(gate, i) {
  await gate;
  await new Promise((resolve) => setTimeout(resolve, first + offsets[i] - performance.now()));
}

async function main() {
  let set;
  const gate = new Promise((resolve) => (set = resolve));
  const tasks = [];
  for (let i = 0; i < n; i++) tasks.push(sleeper(gate, i));
  first = performance.now() + 100 + n / 100; // arming takes no longer here
  const armed = cpu();
  set();
  await gate; // behind all of them
  say("ns_arm", (cpu() - armed) / n);
  if (performance.now() > first) process.exit(); // the machine is too busy: all would fire at once
  const fired = cpu();
  await Promise.all(tasks);
  say("ns_fire", (cpu() - fired) / n);
  say("late_ms", performance.now() - first - 1000, "ms");
}

main();
