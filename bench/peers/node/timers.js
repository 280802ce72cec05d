// SPDX-License-Identifier: MIT
"use strict";
// Its timers count milliseconds.
const { Memory, cpu, nanosecond, ns, say, size } = require("./common");
const n = size(1000000);
const some = Math.min(n, 100000); // of them are cancelled and armed anew
const offsets = new Float64Array(n + some).map((_, i) => nanosecond(i) / 1e6);
const timers = new Array(n).fill(null);
let fired = 0;
let done;

function fire() {
  if (++fired === n) done();
}

async function pairs(n) {
  while (n--) clearTimeout(setTimeout(fire, 1000));
}

async function main() {
  const ended = new Promise((resolve) => (done = resolve));
  const pair = await ns(pairs);
  say("ns_arm_cancel", pair);
  const memory = new Memory();
  const first = performance.now() + 100 + 6e-6 * pair * n; // all are armed by then
  const arm = (i) => setTimeout(fire, first + offsets[i] - performance.now());
  let start = cpu();
  for (let i = 0; i < n; i++) timers[i] = arm(i);
  say("ns_arm", (cpu() - start) / n);
  const [rss, tables] = memory.each(n);
  say("bytes_per_timer", rss + tables, "B");
  start = cpu();
  for (let i = 0; i < some; i++) {
    const at = Math.floor(offsets[i] * 1e6) % n;
    clearTimeout(timers[at]);
    timers[at] = arm(n + i);
  }
  say("ns_rearm", (cpu() - start) / some);
  if (performance.now() > first) process.exit(); // the machine is too busy: all would fire at once
  start = cpu();
  await ended;
  say("ns_fire", (cpu() - start) / n);
  say("late_ms", performance.now() - first - 1000, "ms");
}

main();
