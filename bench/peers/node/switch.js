// SPDX-License-Identifier: MIT
"use strict";
// Who awaits what is there already goes on after all others that are ready.
const { ns, say } = require("./common");
let stopped = false;

async function other() {
  while (!stopped) await null;
}

async function yields(n) {
  while (n--) await null;
}

async function main() {
  other();
  say("ns_per_yield", (await ns(yields)) / 2);
  stopped = true;
}

main();
