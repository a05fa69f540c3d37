package streams

import "io"

// aheadSize is the number of bytes that are read at a time, and aheadDepth how many such chunks are read ahead.
const (
	aheadSize  = 256 << 10
	aheadDepth = 4
)

// ReadAhead returns a reader of r that reads up to 1 MiB ahead in a goroutine of its own, so that decompressing and
// what is done with the content each use a core. Close waits for a Read of r that is under way, and closes r. Read must
// not be called afterwards.
func ReadAhead(r io.ReadCloser) io.ReadCloser {
	a := &aheadReader{source: r, full: make(chan aheadChunk, aheadDepth), free: make(chan []byte, aheadDepth+2), stop: make(chan struct{})}
	for range aheadDepth + 2 {
		a.free <- nil
	}
	go a.fill()
	return a
}

type aheadReader struct {
	source io.ReadCloser
	full   chan aheadChunk
	free   chan []byte // buffers, or nil for those that do not exist yet
	stop   chan struct{}
	now    aheadChunk
	buffer []byte // of now
}

// An aheadChunk is what was read, and the error after it.
type aheadChunk struct {
	content []byte
	err     error
}

func (a *aheadReader) fill() {
	defer close(a.full)
	for {
		var buffer []byte
		select {
		case buffer = <-a.free:
		case <-a.stop:
			return
		}
		if buffer == nil {
			buffer = make([]byte, aheadSize)
		}
		n, err := a.source.Read(buffer)
		select {
		case a.full <- aheadChunk{buffer[:n], err}:
		case <-a.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

func (a *aheadReader) Read(p []byte) (int, error) {
	for len(a.now.content) == 0 {
		if a.now.err != nil {
			return 0, a.now.err
		}
		if a.buffer != nil {
			a.free <- a.buffer[:cap(a.buffer)]
		}
		a.now = <-a.full
		a.buffer = a.now.content
	}
	n := copy(p, a.now.content)
	a.now.content = a.now.content[n:]
	return n, nil
}

func (a *aheadReader) Close() error {
	close(a.stop)
	for range a.full { // until fill has ended
	}
	return a.source.Close()
}
