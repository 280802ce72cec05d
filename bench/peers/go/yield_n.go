// SPDX-License-Identifier: MIT
package main

import "runtime"

func main() {
	n := size(1000)
	turns := 2000000 / n
	if turns < 5 {
		turns = 5
	}
	stopped := false
	for i := 1; i < n; i++ {
		go func() {
			for !stopped {
				runtime.Gosched()
			}
		}()
	}
	runtime.Gosched()
	say("ns_per_yield", ns(turns, func(n int) {
		for ; n > 0; n-- {
			runtime.Gosched()
		}
	})/float64(n), "ns")
}
