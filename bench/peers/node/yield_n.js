// SPDX-License-Identifier: MIT
"use strict";
const { ns, say, size } = require("./common");
const count = size(1000);
let stopped = false;

async function other() {
  while (!stopped) await null;
}

async function yields(n) {
  while (n--) await null;
}

async function main() {
  for (let i = 1; i < count; i++) other();
  say("ns_per_yield", (await ns(yields)) / count);
  stopped = true;
}

main();
