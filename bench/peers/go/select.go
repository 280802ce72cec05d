// SPDX-License-Identifier: MIT
//
// Its select is a statement: the one with 64 cases has 64 lines.
package main

import "runtime"

var chans [64]chan uint64

func selectTwo() {
	select {
	case <-chans[0]:
	case <-chans[1]:
	}
}

func selectMany() {
	select {
	case <-chans[0]:
	case <-chans[1]:
	case <-chans[2]:
	case <-chans[3]:
	case <-chans[4]:
	case <-chans[5]:
	case <-chans[6]:
	case <-chans[7]:
	case <-chans[8]:
	case <-chans[9]:
	case <-chans[10]:
	case <-chans[11]:
	case <-chans[12]:
	case <-chans[13]:
	case <-chans[14]:
	case <-chans[15]:
	case <-chans[16]:
	case <-chans[17]:
	case <-chans[18]:
	case <-chans[19]:
	case <-chans[20]:
	case <-chans[21]:
	case <-chans[22]:
	case <-chans[23]:
	case <-chans[24]:
	case <-chans[25]:
	case <-chans[26]:
	case <-chans[27]:
	case <-chans[28]:
	case <-chans[29]:
	case <-chans[30]:
	case <-chans[31]:
	case <-chans[32]:
	case <-chans[33]:
	case <-chans[34]:
	case <-chans[35]:
	case <-chans[36]:
	case <-chans[37]:
	case <-chans[38]:
	case <-chans[39]:
	case <-chans[40]:
	case <-chans[41]:
	case <-chans[42]:
	case <-chans[43]:
	case <-chans[44]:
	case <-chans[45]:
	case <-chans[46]:
	case <-chans[47]:
	case <-chans[48]:
	case <-chans[49]:
	case <-chans[50]:
	case <-chans[51]:
	case <-chans[52]:
	case <-chans[53]:
	case <-chans[54]:
	case <-chans[55]:
	case <-chans[56]:
	case <-chans[57]:
	case <-chans[58]:
	case <-chans[59]:
	case <-chans[60]:
	case <-chans[61]:
	case <-chans[62]:
	case <-chans[63]:
	}
}

func main() {
	count, turn, choose := size(2), 0, selectTwo
	if count != 2 {
		count, choose = 64, selectMany
	}
	for i := range chans {
		chans[i] = make(chan uint64, 1)
	}
	send := func() {
		turn += 27
		chans[turn%count] <- 1
	}
	say("ns_ready", ns(2000000/(count+2), func(n int) {
		for ; n > 0; n-- {
			send()
			choose()
		}
	}), "ns")
	go func() {
		for {
			send()
			runtime.Gosched()
		}
	}()
	say("ns_woken", ns(1000000/(count+2), func(n int) {
		for ; n > 0; n-- {
			choose()
		}
	}), "ns")
}
