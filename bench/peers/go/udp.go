// SPDX-License-Identifier: MIT
//
// Its library has no call for many datagrams at a time.
package main

import "net"

const size64, batch, datagrams = 64, 32, 16000

func main() {
	to, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(err)
	from, err := net.DialUDP("udp4", nil, to.LocalAddr().(*net.UDPAddr))
	must(err)
	buffer := make([]byte, size64)
	say("ns_one_by_one", ns(datagrams/batch, func(n int) {
		for ; n > 0; n-- {
			for i := 0; i < batch; i++ {
				_, err := from.Write(buffer)
				must(err)
			}
			for i := 0; i < batch; i++ {
				_, err := to.Read(buffer)
				must(err)
			}
		}
	})/batch, "ns")
}
