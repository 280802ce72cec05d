// SPDX-License-Identifier: MIT
package main

import (
	"runtime"
	"sync"
	"time"
)

func main() {
	n := size(1000)
	events, rounds := 1, batches
	if n < 1000 {
		events = 1000 / n
	}
	if n > 300000 {
		rounds = 1
	}
	var whole, set []float64
	for r := -1; r < rounds; r++ {
		var ended sync.WaitGroup
		e := make([]chan struct{}, events)
		for i := range e {
			e[i] = make(chan struct{})
		}
		ended.Add(n * events)
		for i := 0; i < n*events; i++ {
			go func(e chan struct{}) {
				<-e
				ended.Done()
			}(e[i/n])
		}
		runtime.Gosched()
		start := time.Now()
		for i := range e {
			close(e[i])
		}
		middle := each(start, n*events)
		ended.Wait()
		if r >= 0 {
			whole = append(whole, each(start, n*events))
			set = append(set, middle)
		}
	}
	say("ns_per_task", median(whole), "ns")
	say("ns_in_set", median(set), "ns")
}
