// SPDX-License-Identifier: MIT
package main

import (
	"runtime"
	"sync"
	"time"
)

func main() {
	n := size(1000000)
	var ended sync.WaitGroup
	var first time.Time
	gate := make(chan struct{})
	deadline := func(i int) time.Time {
		return first.Add(time.Duration(mix(uint64(i)) % 1000000000))
	}
	ended.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			<-gate
			time.Sleep(time.Until(deadline(i)))
			ended.Done()
		}(i)
	}
	runtime.Gosched()
	first = time.Now().Add(100*time.Millisecond + 2*time.Microsecond*time.Duration(n))
	used := cpu()
	close(gate)
	runtime.Gosched()
	say("ns_arm", float64(cpu()-used)/float64(n), "ns")
	used = cpu()
	ended.Wait()
	say("ns_fire", float64(cpu()-used)/float64(n), "ns")
	say("late_ms", float64(time.Since(first)-time.Second)/1e6, "ms")
}
