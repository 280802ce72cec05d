// SPDX-License-Identifier: MIT
//
// Its scope is a context, and who waits looks at it beside what it waits for: a closed channel
// here, its event that is set.
package main

import (
	"context"
	"time"
)

func main() {
	set := make(chan struct{})
	close(set)
	wait := func(ctx context.Context) {
		select {
		case <-set:
		case <-ctx.Done():
		}
	}
	say("ns_call", ns(2000000, func(n int) {
		for ; n > 0; n-- {
			wait(context.Background())
		}
	}), "ns")
	say("ns_scope", ns(1000000, func(n int) {
		for ; n > 0; n-- {
			ctx, cancel := context.WithCancel(context.Background())
			wait(ctx)
			cancel()
		}
	}), "ns")
	say("ns_scope_deadline", ns(500000, func(n int) {
		for ; n > 0; n-- {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			wait(ctx)
			cancel()
		}
	}), "ns")
}
