// SPDX-License-Identifier: MIT
package main

import (
	"net"
	"net/http"
)

const page = "a page of sixty-four bytes, for everyone who asks for it: hello\n"

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	say("port", float64(l.Addr().(*net.TCPAddr).Port), "-")
	must(http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(page))
	})))
}
