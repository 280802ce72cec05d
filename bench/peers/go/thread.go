// SPDX-License-Identifier: MIT
//
// A thread is a goroutine that keeps its thread: LockOSThread on both sides. Without it, both would
// take turns in one thread, and nothing would be handed to another one.
package main

import "runtime"

func trips() float64 {
	there, back := make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		for range there {
			back <- struct{}{}
		}
	}()
	each := ns(10000, func(n int) {
		for ; n > 0; n-- {
			there <- struct{}{}
			<-back
		}
	})
	close(there)
	return each
}

func main() {
	runtime.LockOSThread()
	say("ns_thread_call", trips(), "ns")
	answer := make(chan float64)
	go func() {
		runtime.LockOSThread()
		answer <- trips()
	}()
	say("ns_portal_call", <-answer, "ns")
}
