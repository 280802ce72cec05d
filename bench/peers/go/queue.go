// SPDX-License-Identifier: MIT
//
// Its queue is a channel, which has a bound.
package main

import "os"

func main() {
	if len(os.Args) > 1 && os.Args[1] != "bounded" {
		skip("its queue is a channel, which is bounded and goes first in, first out")
	}
	there, back := make(chan uint64, 64), make(chan uint64, 64)
	say("ns_alone", ns(2000000, func(n int) {
		for item := uint64(1); n > 0; n-- {
			there <- item
			item += <-there & 7
		}
	}), "ns")
	go func() {
		for item := range there {
			back <- item
		}
	}()
	say("ns_per_hand_over", ns(500000, func(n int) {
		for item := uint64(0); n > 0; n-- {
			there <- item
			item = <-back
		}
	})/2, "ns")
	close(there)
	go func() {
		for item := uint64(0); ; item++ {
			back <- item
		}
	}()
	say("ns_per_item", ns(2000000, func(n int) {
		for ; n > 0; n-- {
			<-back
		}
	}), "ns")
}
