// SPDX-License-Identifier: MIT
//
// Go: deadline. A wait under a deadline is a select with a timer that is stopped afterwards.
package main

import "time"

func main() {
	ping, pong := make(chan struct{}), make(chan struct{})
	timed := false
	wait := func(c chan struct{}) {
		if !timed {
			<-c
			return
		}
		t := time.NewTimer(time.Second)
		select {
		case <-c:
		case <-t.C:
		}
		t.Stop()
	}
	go func() {
		for {
			wait(ping)
			pong <- struct{}{}
		}
	}()
	pings := func(n int) {
		for ; n > 0; n-- {
			ping <- struct{}{}
			wait(pong)
		}
	}
	plain := ns(300000, pings)
	timed = true
	with := ns(300000, pings)
	say("ns_per_round_trip", with, "ns")
	say("ns_per_deadline", (with-plain)/2, "ns")
}
