// SPDX-License-Identifier: MIT
package main

import (
	"runtime"
	"sync"
)

var lock sync.Mutex
var changed = sync.NewCond(&lock)

func turns(n int) {
	for ; n > 0; n-- {
		changed.Signal()
		changed.Wait()
	}
}

func main() {
	tasks := size(1)
	if tasks == 1 {
		say("ns_alone", ns(5000000, func(n int) {
			for ; n > 0; n-- {
				changed.Signal()
			}
		}), "ns")
		return
	}
	for i := 1; i < tasks; i++ {
		go func() {
			lock.Lock()
			changed.Wait()
			for {
				turns(1)
			}
		}()
	}
	runtime.Gosched()
	lock.Lock()
	say("ns_per_turn", ns(1000000/tasks, turns)/float64(tasks), "ns")
}
