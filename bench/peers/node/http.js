// SPDX-License-Identifier: MIT
"use strict";
const http = require("http");
const page = "a page of sixty-four bytes, for everyone who asks for it: hello\n";
const server = http.createServer((request, response) => {
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": page.length });
  response.end(page);
});
server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => {
  console.log(`port ${server.address().port} -`);
});
