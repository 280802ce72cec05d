// SPDX-License-Identifier: MIT
//
// Its library has no semaphore: the idiom is a channel with as many slots as there are permits.
package main

import "runtime"

var permits = make(chan struct{}, 1)

func turns(n int) {
	for ; n > 0; n-- {
		<-permits
		permits <- struct{}{}
	}
}

func main() {
	tasks := size(1)
	if tasks == 1 {
		say("ns_alone", ns(3000000, func(n int) {
			for ; n > 0; n-- {
				permits <- struct{}{}
				<-permits
			}
		}), "ns")
		return
	}
	permits <- struct{}{}
	for i := 1; i < tasks; i++ {
		go func() {
			permits <- struct{}{}
			for {
				turns(1)
			}
		}()
	}
	runtime.Gosched()
	say("ns_per_hand_over", ns(1000000/tasks, turns)/float64(tasks), "ns")
}
