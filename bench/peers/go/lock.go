// SPDX-License-Identifier: MIT
//
// Its mutex is given to whoever asks first, and to who has waited only after a millisecond; so each
// steps aside when it has released it.
package main

import (
	"runtime"
	"sync"
)

var lock sync.Mutex

func turns(n int) {
	for ; n > 0; n-- {
		lock.Unlock()
		runtime.Gosched()
		lock.Lock()
	}
}

func main() {
	tasks := size(1)
	if tasks == 1 {
		say("ns_alone", ns(5000000, func(n int) {
			for ; n > 0; n-- {
				lock.Lock()
				lock.Unlock()
			}
		}), "ns")
		return
	}
	lock.Lock()
	for i := 1; i < tasks; i++ {
		go func() {
			lock.Lock()
			for {
				turns(1)
			}
		}()
	}
	runtime.Gosched()
	say("ns_per_hand_over", ns(1000000/tasks, turns)/float64(tasks), "ns")
}
