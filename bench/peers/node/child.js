// SPDX-License-Identifier: MIT
"use strict";
const { spawn } = require("child_process");
const { ns, say } = require("./common");
const SIDE = 8;

async function run(n) {
  while (n--)
    await new Promise((resolve) => spawn("/bin/true", [], { stdio: "ignore" }).on("exit", resolve));
}

async function runBeside(n) {
  await Promise.all(Array.from({ length: SIDE }, () => run(n)));
}

async function main() {
  say("ns_alone", await ns(run));
  say("ns_beside", (await ns(runBeside)) / SIDE);
}

main();
