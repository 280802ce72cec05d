// SPDX-License-Identifier: MIT
//
// Lines come through a Scanner; a plain read is the connection's own, as the limit's is. Small
// reads through a bufio.Reader cost far less, and are said, too (ns_per_read_ahead).
package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
)

const line, lines, all = 40, 800, 160000

func end(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	c, err := net.FileConn(file)
	must(err)
	return c
}

func main() {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(err)
	from, to := end(fds[0]), end(fds[1])
	text := bytes.Repeat(append(bytes.Repeat([]byte("x"), line-1), '\n'), lines)
	left := 0
	fill := func() {
		if left == 0 {
			_, err := to.Write(text)
			must(err)
			left = lines
		}
		left--
	}
	in := bufio.NewScanner(from)
	say("ns_per_line", ns(all, func(n int) {
		for ; n > 0; n-- {
			fill()
			if !in.Scan() || len(in.Bytes()) != line-1 {
				panic(in.Err())
			}
		}
	}), "ns")
	for ; left > 0; left-- {
		in.Scan()
	}
	reader, piece := bufio.NewReader(from), make([]byte, line)
	say("ns_per_read_ahead", ns(all, func(n int) {
		for ; n > 0; n-- {
			fill()
			_, err := io.ReadFull(reader, piece)
			must(err)
		}
	}), "ns")
	for ; left > 0; left-- {
		_, err := io.ReadFull(reader, piece)
		must(err)
	}
	say("ns_per_read", ns(all, func(n int) {
		for ; n > 0; n-- {
			fill()
			if n, err := from.Read(piece); n != line {
				panic(err)
			}
		}
	}), "ns")
}
