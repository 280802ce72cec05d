// SPDX-License-Identifier: MIT
package main

import "runtime"

func main() {
	stopped := false
	go func() {
		for !stopped {
			runtime.Gosched()
		}
	}()
	say("ns_per_yield", ns(1000000, func(n int) {
		for ; n > 0; n-- {
			runtime.Gosched()
		}
	})/2, "ns")
	stopped = true
}
