// SPDX-License-Identifier: MIT
"use strict";
const dgram = require("dgram");
const { ns, say } = require("./common");
const BATCH = 32;
const data = Buffer.alloc(64);

async function main() {
  const to = dgram.createSocket("udp4");
  const sender = dgram.createSocket("udp4");
  await new Promise((resolve) => to.bind(0, "127.0.0.1", resolve));
  await new Promise((resolve) => sender.connect(to.address().port, "127.0.0.1", resolve));
  let left;
  let all;
  to.on("message", () => {
    if (--left === 0) all();
  });
  async function batches(n) {
    while (n--) {
      const ended = new Promise((resolve) => (all = resolve));
      left = BATCH;
      for (let i = 0; i < BATCH; i++) sender.send(data);
      await ended;
    }
  }
  say("ns_one_by_one", (await ns(batches)) / BATCH);
  to.close();
  sender.close();
}

main();
