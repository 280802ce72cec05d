// SPDX-License-Identifier: MIT
"use strict";
const fs = require("fs/promises");
const os = require("os");
const path = require("path");
const { nanosecond, ns, say } = require("./common");
const FILE = 64 << 20;
const PIECE = 64 << 10;
const PAGE = 4096;

async function main() {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "bench-"));
  const name = path.join(folder, "file");
  const buffer = Buffer.alloc(PIECE);
  await fs.writeFile(name, Buffer.alloc(FILE));
  const file = await fs.open(name);
  async function inPieces(n) {
    for (let i = 0; i < n; i++) await file.read(buffer, 0, PIECE, (i * PIECE) % FILE);
  }
  async function allOver(n) {
    for (let i = 0; i < n; i++)
      await file.read(buffer, 0, PAGE, (nanosecond(i) % (FILE / PAGE)) * PAGE);
  }
  async function names(n) {
    while (n--) {
      const one = await fs.open(name);
      await one.stat();
      await one.close();
    }
  }
  try {
    say("ns_64k", await ns(inPieces));
    say("ns_4k", await ns(allOver));
    say("ns_open", await ns(names));
  } finally {
    await file.close();
    await fs.rm(folder, { recursive: true });
  }
}

main();
