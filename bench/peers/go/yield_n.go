// SPDX-License-Identifier: MIT
//
// All begin when all are there: who spawns them is preempted now and then, and would wait for a
// turn of those who give way already.
package main

import "runtime"

func main() {
	n := size(1000)
	turns := 1000000 / n
	if turns < 1 {
		turns = 1
	}
	stopped, gate := false, make(chan struct{})
	for i := 1; i < n; i++ {
		go func() {
			<-gate
			for !stopped {
				runtime.Gosched()
			}
		}()
	}
	runtime.Gosched()
	close(gate)
	say("ns_per_yield", ns(turns, func(n int) {
		for ; n > 0; n-- {
			runtime.Gosched()
		}
	})/float64(n), "ns")
}
