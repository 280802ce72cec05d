// SPDX-License-Identifier: MIT
//
// Its latch is a WaitGroup; a limiter would be a channel, as in sem.go.
package main

import "sync"

func main() {
	var lock sync.RWMutex
	var once sync.Once
	var latch, open sync.WaitGroup
	each := func(key string, body func()) {
		say(key, ns(3000000, func(n int) {
			for ; n > 0; n-- {
				body()
			}
		}), "ns")
	}
	latch.Add(1 << 30)
	each("ns_read", func() { lock.RLock(); lock.RUnlock() })
	each("ns_write", func() { lock.Lock(); lock.Unlock() })
	each("ns_once", func() { once.Do(func() {}) })
	each("ns_count_down", func() { latch.Done() })
	each("ns_open_latch", func() { open.Wait() })
}
