// SPDX-License-Identifier: MIT
package main

func main() {
	ping, pong := make(chan struct{}), make(chan struct{})
	go func() {
		for range ping {
			pong <- struct{}{}
		}
	}()
	say("ns_per_round_trip", ns(500000, func(n int) {
		for ; n > 0; n-- {
			ping <- struct{}{}
			<-pong
		}
	}), "ns")
}
