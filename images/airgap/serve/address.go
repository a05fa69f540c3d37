package serve

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// addresses limits the number of connections of each client; see clientOf.
type addresses struct {
	most int
	log  func(line string)

	mu   sync.Mutex
	open map[netip.Prefix]*addressState
}

type addressState struct {
	connections int
	told        bool // the operator was told about refused connections
}

// enter counts a connection. ok is false if its client has the maximum number of connections. Otherwise the caller
// calls leave when the connection ends.
func (a *addresses) enter(remote net.Addr) (leave func(), ok bool) {
	tcp, isTCP := remote.(*net.TCPAddr)
	if !isTCP {
		return func() {}, true
	}
	key := clientOf(tcp.AddrPort().Addr())
	a.mu.Lock()
	defer a.mu.Unlock()
	state := a.open[key]
	if state == nil {
		state = &addressState{}
		if a.open == nil {
			a.open = map[netip.Prefix]*addressState{}
		}
		a.open[key] = state
	}
	if state.connections >= a.most {
		if !state.told {
			state.told = true
			a.log(fmt.Sprintf("%s has %d connections, as many as one address may have; more are turned away", key.Addr(), a.most))
		}
		return nil, false
	}
	state.connections++
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if state.connections--; state.connections == 0 {
			delete(a.open, key)
		}
	}, true
}

// clientOf returns the addresses that count as one client: an IPv4 address, or the /64 of an IPv6 address, since one
// machine can use all addresses of a /64.
func clientOf(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 64
	if addr.Is4() {
		bits = 32
	}
	// The error is for addresses with fewer bits.
	prefix, _ := addr.Prefix(bits)
	return prefix
}
