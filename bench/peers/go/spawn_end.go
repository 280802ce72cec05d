// SPDX-License-Identifier: MIT
package main

import (
	"sync"
	"time"
)

func batch(n int) float64 {
	var ended sync.WaitGroup
	start := time.Now()
	ended.Add(n)
	for i := 0; i < n; i++ {
		go ended.Done()
	}
	ended.Wait()
	return each(start, n)
}

func main() {
	n := size(1000000)
	say("ns_batch_cold", batch(n), "ns")
	var warm []float64
	rounds := batches
	if n > 300000 {
		rounds = 2
	}
	for i := 0; i < rounds; i++ {
		warm = append(warm, batch(n))
	}
	say("ns_batch_warm", median(warm), "ns")
	say("ns_serial", ns(500000, func(n int) {
		var ended sync.WaitGroup
		for ; n > 0; n-- {
			ended.Add(1)
			go ended.Done()
			ended.Wait()
		}
	}), "ns")
}
