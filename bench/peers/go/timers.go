// SPDX-License-Identifier: MIT
//
// Its timers are time.AfterFunc: each calls its function in a goroutine of its own. One is
// cancelled and armed anew by Stop and another AfterFunc: a million that were Reset take minutes to
// come into order again when the first is due (Go 1.19).
package main

import (
	"sync"
	"time"
)

func main() {
	n := size(1000000)
	var left sync.WaitGroup
	memory := status("VmRSS") + status("VmPTE")
	timers := make([]*time.Timer, n)
	left.Add(n)
	first := time.Now().Add(100*time.Millisecond + 6*time.Microsecond*time.Duration(n))
	after := func(i int) time.Duration {
		return time.Until(first.Add(time.Duration(mix(uint64(i)) % 1000000000)))
	}
	used := cpu()
	for i := range timers {
		timers[i] = time.AfterFunc(after(i), left.Done)
	}
	say("ns_arm", float64(cpu()-used)/float64(n), "ns")
	say("bytes_per_timer", (status("VmRSS")+status("VmPTE")-memory)/float64(n), "B")
	used = cpu()
	for i := 0; i < n; i++ {
		any := mix(uint64(n+i)) % uint64(n)
		if !timers[any].Stop() {
			panic("not armed in time")
		}
		timers[any] = time.AfterFunc(after(i), left.Done)
	}
	say("ns_rearm", float64(cpu()-used)/float64(n), "ns")
	if time.Now().After(first) {
		panic("not armed in time")
	}
	used = cpu()
	left.Wait()
	say("ns_fire", float64(cpu()-used)/float64(n), "ns")
	say("late_ms", float64(time.Since(first)-time.Second)/1e6, "ms")
	say("ns_arm_cancel", ns(500000, func(n int) {
		for ; n > 0; n-- {
			timers[0].Reset(time.Second)
			timers[0].Stop()
		}
	}), "ns")
}
