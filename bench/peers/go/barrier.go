// SPDX-License-Identifier: MIT
//
// Its library has no barrier: the idiom is a condition and the number of the round.
package main

import "sync"

type barrier struct {
	lock                    sync.Mutex
	changed                 *sync.Cond
	parties, waiting, round int
}

func (b *barrier) wait() {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.waiting++; b.waiting == b.parties {
		b.waiting = 0
		b.round++
		b.changed.Broadcast()
		return
	}
	for round := b.round; round == b.round; {
		b.changed.Wait()
	}
}

func main() {
	parties := size(1)
	b := barrier{parties: parties}
	b.changed = sync.NewCond(&b.lock)
	for i := 1; i < parties; i++ {
		go func() {
			for {
				b.wait()
			}
		}()
	}
	each := ns(1000000/parties, func(n int) {
		for ; n > 0; n-- {
			b.wait()
		}
	}) / float64(parties)
	if parties > 1 {
		say("ns_per_party", each, "ns")
	} else {
		say("ns_alone", each, "ns")
	}
}
