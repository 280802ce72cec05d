// SPDX-License-Identifier: MIT
package main

import (
	"os/exec"
	"sync"
)

func run(n int) {
	for ; n > 0; n-- {
		must(exec.Command("/bin/true").Run())
	}
}

func main() {
	n := size(200)
	say("ns_alone", ns(n, run), "ns")
	say("ns_beside", ns(n, func(n int) {
		var ended sync.WaitGroup
		for side := 0; side < 8; side++ {
			ended.Add(1)
			go func() {
				run(n / 8)
				ended.Done()
			}()
		}
		ended.Wait()
	}), "ns")
}
