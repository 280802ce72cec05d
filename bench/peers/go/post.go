// SPDX-License-Identifier: MIT
//
// What a thread posts is a function, in a channel to the one goroutine that calls them. The threads
// are goroutines that keep theirs.
package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

const nodes, rounds = 1000, 300

func post(posts chan func(), ended chan struct{}) {
	runtime.LockOSThread()
	left := new(int32)
	ran := func() { atomic.AddInt32(left, -1) }
	for round := 0; round < rounds; round++ {
		atomic.StoreInt32(left, nodes)
		for i := 0; i < nodes; i++ {
			posts <- ran
		}
		for atomic.LoadInt32(left) > 0 {
			runtime.Gosched()
		}
	}
	ended <- struct{}{}
}

func measure(threads int) float64 {
	posts, ended := make(chan func(), nodes), make(chan struct{})
	start := time.Now()
	for i := 0; i < threads; i++ {
		go post(posts, ended)
	}
	for left := threads; left > 0; {
		select {
		case ran := <-posts:
			ran()
		case <-ended:
			left--
		}
	}
	return each(start, threads*rounds*nodes)
}

func main() {
	say("ns_per_post_1", measure(1), "ns")
	say("ns_per_post_4", measure(4), "ns")
}
