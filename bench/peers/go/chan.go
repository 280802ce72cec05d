// SPDX-License-Identifier: MIT
package main

func main() {
	slots := number(0)
	c := make(chan uint64, slots)
	if slots > 0 {
		say("ns_alone", ns(2000000, func(n int) {
			for ; n > 0; n-- {
				c <- 1
				<-c
			}
		}), "ns")
	}
	go func() {
		for i := uint64(0); ; i++ {
			c <- i
		}
	}()
	say("ns_per_item", ns(1000000, func(n int) {
		for ; n > 0; n-- {
			<-c
		}
	}), "ns")
}
