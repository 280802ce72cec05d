// SPDX-License-Identifier: MIT
"use strict";
// An async function begins at once; its first await puts it behind all that are ready.
const { now, ns, say, size } = require("./common");

async function nothing() {
  await null;
}

async function batch(n) {
  const start = now();
  const tasks = [];
  for (let i = 0; i < n; i++) tasks.push(nothing());
  await Promise.all(tasks);
  return (now() - start) / n;
}

async function serial(n) {
  while (n--) await nothing();
}

async function main() {
  const n = size(1000000);
  say("ns_batch_cold", await batch(n));
  say("ns_batch_warm", await batch(n));
  say("ns_serial", await ns(serial));
}

main();
