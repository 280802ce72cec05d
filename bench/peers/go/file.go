// SPDX-License-Identifier: MIT
//
// It reads a file in the goroutine's own thread, and lends its processor to another thread if the
// call takes long.
package main

import "os"

const whole, piece, page = 64 << 20, 64 << 10, 4096

func main() {
	file, err := os.CreateTemp("", "hark-bench-")
	must(err)
	defer os.Remove(file.Name())
	buffer := make([]byte, piece)
	for at := int64(0); at < whole; at += piece {
		_, err = file.WriteAt(buffer, at)
		must(err)
	}
	say("ns_64k", ns(whole/piece, func(n int) {
		for i := 0; i < n; i++ {
			_, err := file.ReadAt(buffer, int64(i)*piece%whole)
			must(err)
		}
	}), "ns")
	say("ns_4k", ns(20000, func(n int) {
		for i := 0; i < n; i++ {
			_, err := file.ReadAt(buffer[:page], int64(mix(uint64(i))%(whole/page)*page))
			must(err)
		}
	}), "ns")
	say("ns_open", ns(5000, func(n int) {
		for ; n > 0; n-- {
			other, err := os.Open(file.Name())
			must(err)
			_, err = other.Stat()
			must(err)
			other.Close()
		}
	}), "ns")
}
