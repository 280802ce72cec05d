// SPDX-License-Identifier: MIT
"use strict";
// What the programs of Node share, as bench.h does it.
const fs = require("fs");

const BATCHES = 5;
const SHORT = process.env.BENCH_SHORT ? 5 : 1;
const BATCH = 100e6 / SHORT; // ns: so long takes a batch
const WARM = BATCH / 5;
const ENOUGH = 30 * BATCH;

const now = () => Number(process.hrtime.bigint());

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1e3;
};

function say(key, value, unit = "ns") {
  console.log(`${key} ${value.toPrecision(6)} ${unit}`);
}

function size(otherwise) {
  const text = (process.argv[2] || String(otherwise)).replace(/,/g, "");
  return parseInt(text) * (text.endsWith("k") ? 1e3 : text.endsWith("M") ? 1e6 : 1);
}

function median(values) {
  values.sort((a, b) => a - b);
  return values[values.length >> 1];
}

// Nanoseconds for one of the n things that body(n) does: some to get warm and to see how long they
// take, then BATCHES, of which the median counts. Where one takes long there are fewer.
async function ns(body) {
  const each = [];
  let n = 1;
  let took = 0;
  const begun = now();
  await body(n); // not timed: threads are begun, connections are made
  for (;;) {
    const start = now();
    await body(n);
    took = now() - start;
    if (took >= WARM) break;
    n *= 4;
  }
  n = Math.max(Math.floor((n * BATCH) / took), 1);
  while (each.length < BATCHES && !(each.length && now() - begun > ENOUGH)) {
    const start = now();
    await body(n);
    each.push((now() - start) / n);
  }
  return median(each);
}

function status(field) {
  const line = fs.readFileSync("/proc/self/status", "latin1").match(`${field}:\\s*(\\d+)`);
  return line ? Number(line[1]) * 1024 : 0;
}

// What memory a number of things takes: make it before, then ask or say.
class Memory {
  constructor() {
    this.rss = status("VmRSS");
    this.tables = status("VmPTE");
  }
  each(count) {
    return [(status("VmRSS") - this.rss) / count, (status("VmPTE") - this.tables) / count];
  }
  say(tasks) {
    const [rss, tables] = this.each(tasks);
    say("rss_per_task", rss, "B");
    say("tables_per_task", tables, "B");
    say("bytes_per_task", rss + tables, "B");
  }
}

// Numbers without order but always the same ones.
const MASK = (1n << 64n) - 1n;
function mix(x) {
  x = BigInt(x);
  x = ((x ^ (x >> 31n)) * 0x7fb5d329728ea185n) & MASK;
  x = ((x ^ (x >> 27n)) * 0x81dadef4bc2dd44dn) & MASK;
  return x ^ (x >> 33n);
}

const nanosecond = (i) => Number(mix(i) % 1000000000n); // within a second

module.exports = { BATCHES, Memory, cpu, median, nanosecond, now, ns, say, size };
