// SPDX-License-Identifier: MIT
package main

import (
	"runtime"
	"sync"
	"time"
)

func main() {
	n := size(1000000)
	for round := 0; round < 2; round++ {
		var ended sync.WaitGroup
		gate := make(chan struct{})
		rss, tables := status("VmRSS"), status("VmPTE")
		start := time.Now()
		ended.Add(n)
		for i := 0; i < n; i++ {
			go func() {
				<-gate
				ended.Done()
			}()
		}
		runtime.Gosched()
		if round == 0 {
			say("ns_cold", each(start, n), "ns")
			rss, tables = status("VmRSS")-rss, status("VmPTE")-tables
			say("rss_per_task", rss/float64(n), "B")
			say("tables_per_task", tables/float64(n), "B")
			say("bytes_per_task", (rss+tables)/float64(n), "B")
		} else {
			say("ns_warm", each(start, n), "ns")
		}
		close(gate)
		ended.Wait()
	}
}
