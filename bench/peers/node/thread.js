// SPDX-License-Identifier: MIT
"use strict";
const { Worker, isMainThread, parentPort } = require("worker_threads");
const { ns, say } = require("./common");

async function main() {
  const worker = new Worker(__filename);
  let go;
  worker.on("message", () => go());
  async function calls(n) {
    while (n--) {
      const answer = new Promise((resolve) => (go = resolve));
      worker.postMessage(0);
      await answer;
    }
  }
  say("ns_thread_call", await ns(calls));
  await worker.terminate();
}

if (isMainThread) main();
else parentPort.on("message", (value) => parentPort.postMessage(value));
