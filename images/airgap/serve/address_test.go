package serve

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/testfile"
)

func TestClientOf(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"2001:db8::1", "2001:db8::ffff:2", true},
		{"2001:db8::1", "2001:db8:0:1::1", false},
		{"fe80::1%eth0", "fe80::1%eth1", true},
	} {
		if a, b := clientOf(netip.MustParseAddr(c.a)), clientOf(netip.MustParseAddr(c.b)); (a == b) != c.same || !a.IsValid() {
			t.Errorf("%s is the client %s, and %s is %s; the same: want %t", c.a, a, c.b, b, c.same)
		}
	}
}

// One client cannot take all connections. When one of its connections ends, it may open another.
func TestServeBoundsTheConnectionsOfAnAddress(t *testing.T) {
	const most = 5
	var log lineLog
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })}
	go server.Serve(&patientListener{Listener: inner, slots: make(chan struct{}, 2*most), stall: time.Minute, addresses: addresses{most: most, log: log.add}})
	t.Cleanup(func() { server.Close() })
	ask := func(from string) (net.Conn, int) {
		t.Helper()
		dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
		conn, err := dialer.DialContext(t.Context(), "tcp", inner.Addr().String())
		if err != nil {
			testfile.Missing(t, "this system does not have the address %s: %v", from, err)
		}
		t.Cleanup(func() { conn.Close() })
		// The connection of a refused client may be closed already.
		_, _ = fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return conn, http.StatusServiceUnavailable
		}
		resp.Body.Close()
		return conn, resp.StatusCode
	}
	var held []net.Conn
	for i := range most + 3 {
		conn, status := ask("127.0.0.1")
		if (status == http.StatusOK) != (i < most) {
			t.Errorf("connection %d: status %d", i, status)
		}
		held = append(held, conn)
	}
	if _, status := ask("127.0.0.2"); status != http.StatusOK {
		t.Errorf("another address: status %d", status)
	}
	held[0].Close()
	status := 0
	for range 100 { // until the server notices
		if _, status = ask("127.0.0.1"); status == http.StatusOK {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if status != http.StatusOK {
		t.Errorf("after a connection ended: status %d", status)
	}
	if len(log.lines) != 1 || !strings.Contains(log.lines[0], "127.0.0.1 has 5 connections") {
		t.Errorf("the log is %q", log.lines)
	}
}
