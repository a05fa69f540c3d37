package serve

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	// maxConnections is the maximum number of connections. Further clients wait.
	maxConnections = 1024
	// maxPerAddress is the maximum number of connections of one client, so that no client takes all of them. A node
	// needs ten or fewer, but nodes behind a proxy or NAT share an address.
	maxPerAddress = maxConnections * 3 / 4
	// sendBuffer is the size of the send buffer of a connection, in bytes. The kernel would let it grow to 4 MB, which
	// is slower on fast networks, because the bytes have left the processor's cache before the client copies them.
	sendBuffer = 512 << 10
	// stallTimeout is the time after which a connection is closed whose client reads no byte. A client on a slow link
	// reads some.
	stallTimeout = 60 * time.Second
	// idleTimeout is the time after which a connection without a request is closed.
	idleTimeout = 2 * time.Minute
	// headerTimeout and maxHeader, in bytes, limit the header of a request.
	headerTimeout = 30 * time.Second
	maxHeader     = 16 << 10
	// shutdownTime is the time for requests to end when the server ends.
	shutdownTime = 5 * time.Second
	// sendStep is the number of bytes that are sent for each write deadline.
	sendStep = 1 << 20
)

// Serve serves requests until ctx ends, and then returns nil.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	return serveUntil(ctx, &patientListener{Listener: listener, slots: make(chan struct{}, maxConnections), stall: stallTimeout,
		addresses: addresses{most: maxPerAddress, log: s.log}}, s)
}

func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		if server.Shutdown(limited) != nil {
			server.Close()
		}
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// A patientListener accepts connections, and closes those whose clients make no progress.
type patientListener struct {
	net.Listener
	slots     chan struct{}
	stall     time.Duration
	addresses addresses
}

func (l *patientListener) Accept() (net.Conn, error) {
	l.slots <- struct{}{}
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			<-l.slots
			return nil, err
		}
		leave, ok := l.addresses.enter(conn.RemoteAddr())
		if !ok {
			turnAway(conn)
			continue
		}
		if c, ok := conn.(*net.TCPConn); ok {
			// After an error, the connection works with the system's buffer size.
			_ = c.SetWriteBuffer(sendBuffer)
		}
		free := sync.OnceFunc(func() {
			leave()
			<-l.slots
		})
		return &patientConn{Conn: conn, stall: l.stall, free: free}, nil
	}
}

// turnAway responds with "try again later", and closes the connection without waiting for the client to read that.
func turnAway(conn net.Conn) {
	if conn.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	}
	conn.Close()
}

// A patientConn is a connection whose write deadline moves while the client reads.
type patientConn struct {
	net.Conn
	stall time.Duration
	free  func()
}

func (c *patientConn) Close() error {
	defer c.free()
	return c.Conn.Close()
}

func (c *patientConn) Write(p []byte) (written int, err error) {
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:min(len(p), written+sendStep)])
		written += n
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) || written == len(p) {
			return written, err
		}
	}
}

// ReadFrom lets the kernel send a file (io.ReaderFrom). net.TCPConn does so for an *os.File, also in an
// io.LimitedReader.
func (c *patientConn) ReadFrom(r io.Reader) (written int64, err error) {
	to, ok := c.Conn.(io.ReaderFrom)
	limited, isLimited := r.(*io.LimitedReader)
	if !ok || !isLimited {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	for limited.N > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.stall)); err != nil {
			return written, err
		}
		step := min(limited.N, sendStep)
		n, err := to.ReadFrom(&io.LimitedReader{R: limited.R, N: step})
		written, limited.N = written+n, limited.N-n
		if err != nil && (n == 0 || !errors.Is(err, os.ErrDeadlineExceeded)) || err == nil && n < step {
			return written, err
		}
	}
	return written, nil
}
