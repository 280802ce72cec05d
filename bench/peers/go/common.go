// SPDX-License-Identifier: MIT
//
// Go: what its programs share, as bench.h does it. It has as many processors as the driver gives,
// one unless the question is about threads.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const batches = 5

func say(key string, value float64, unit string) {
	fmt.Printf("%s %.6g %s\n", key, value, unit)
}

// a number of things, which may be 0; a size may not
func number(otherwise int) int {
	if len(os.Args) < 2 {
		return otherwise
	}
	n, err := strconv.Atoi(os.Args[1])
	if err != nil || n < 0 {
		fmt.Fprintln(os.Stderr, "no number:", os.Args[1])
		os.Exit(2)
	}
	return n
}

func size(otherwise int) int {
	n := number(otherwise)
	if n == 0 {
		fmt.Fprintln(os.Stderr, "no size:", os.Args[1])
		os.Exit(2)
	}
	return n
}

func median(v []float64) float64 {
	sort.Float64s(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

func each(since time.Time, n int) float64 { return float64(time.Since(since)) / float64(n) }

// nanoseconds for one of the n things that body does
func ns(n int, body func(n int)) float64 {
	var v []float64
	body(n/10 + 1)
	for i := 0; i < batches; i++ {
		start := time.Now()
		body(n)
		v = append(v, each(start, n))
	}
	return median(v)
}

func cpu() int64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return r.Utime.Nano() + r.Stime.Nano()
}

func status(field string) float64 {
	text, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, field+":") {
			kib, _ := strconv.Atoi(strings.Fields(line)[1])
			return float64(kib) * 1024
		}
	}
	return 0
}

func mix(x uint64) uint64 {
	x = (x ^ x>>31) * 0x7fb5d329728ea185
	x = (x ^ x>>27) * 0x81dadef4bc2dd44d
	return x ^ x>>33
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func skip(reason string) {
	fmt.Println("skip", reason)
	os.Exit(77)
}
