// SPDX-License-Identifier: MIT
"use strict";
// A promise is a future, and new for each leg: both questions are the same here.
const { ns, say } = require("./common");

function future() {
  let send;
  const promise = new Promise((resolve) => (send = resolve));
  return { promise, send };
}

let question = future();
let reply = null;

async function replier() {
  let value;
  while ((value = await question.promise)) {
    question = future();
    reply.send(value);
  }
}

async function questions(n) {
  while (n--) {
    reply = future();
    question.send(1);
    await reply.promise;
  }
}

async function main() {
  replier();
  const trip = await ns(questions);
  say("ns_per_round_trip", trip);
  say("ns_per_future_round_trip", trip);
  question.send(0);
}

main();
