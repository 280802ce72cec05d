// SPDX-License-Identifier: MIT
package main

import "net"

func serve(c net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			break
		}
		if _, err = c.Write(buffer[:n]); err != nil {
			break
		}
	}
	c.Close()
}

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	say("port", float64(l.Addr().(*net.TCPAddr).Port), "-")
	for {
		if c, err := l.Accept(); err == nil {
			go serve(c)
		}
	}
}
