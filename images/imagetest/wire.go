package imagetest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A Wire is a connection to an engine that can be cut.
type Wire struct {
	// Address is where the engine can be reached, in the form of BUILDKIT_HOST.
	Address string

	mu    sync.Mutex
	conns []net.Conn
	isCut bool
	sent  int64
	after int64
	do    func()
}

// WireTo forwards a port of loopback to an engine.
func WireTo(t testing.TB, engine string) *Wire {
	t.Helper()
	u, err := url.Parse(engine)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{Address: "tcp://" + listener.Addr().String()}
	t.Cleanup(func() {
		listener.Close()
		w.Cut()
	})
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial(u.Scheme, u.Host+u.Path)
			if err != nil || !w.add(in, out) {
				in.Close()
				continue
			}
			go forward(io.TeeReader(in, w), out)
			go forward(out, in)
		}
	}()
	return w
}

func forward(from io.Reader, to net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func (w *Wire) add(conns ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns = append(w.conns, conns...)
	return !w.isCut
}

// Cut breaks all connections, and refuses new ones.
func (w *Wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.isCut = true
	for _, c := range w.conns {
		c.Close()
	}
}

// After calls do once, when this number of bytes has been sent to the engine.
func (w *Wire) After(bytes int64, do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.after, w.do = bytes, do
}

// Write counts what is sent to the engine. It does not fail.
func (w *Wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent += int64(len(p))
	if w.do != nil && w.sent >= w.after {
		w.do()
		w.do = nil
	}
	return len(p), nil
}
