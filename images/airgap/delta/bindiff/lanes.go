package bindiff

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/slipway-build/slipway/internal/parallel"
)

const (
	// blockSize is the number of bytes of NEW that a lane codes before the next lane does.
	blockSize = 256 << 10
	// maxLanes is the number of lanes of a large file, which as many cores can code.
	maxLanes = 4
)

// lanesOf returns the number of lanes of a file: one for each MiB, up to maxLanes.
func lanesOf(size int) int { return min(max(size>>20, 1), maxLanes) }

// A lane codes every lanesOf(size)th block of NEW, in a stream of its own.
type lane struct {
	*content
	cursor
	literals bool // extra bytes are coded, too
	expected []byte
}

func (p *patch) newLane(c *coder) *lane {
	return &lane{content: newContent(c), cursor: cursor{patch: p}, literals: !p.compressed(), expected: make([]byte, blockSize)}
}

// code codes b, the bytes of NEW from at on.
func (l *lane) code(b []byte, at int) {
	l.pieces(b, at, func(b []byte, from, shift int64) {
		switch {
		case from != noneOfOld:
			l.adjust(l.expected[:len(b)], from, shift)
			l.different(b, l.expected[:len(b)], from)
		case l.literals:
			l.literal(b)
		}
	})
}

// encode returns the coded lanes of new.
func (p *patch) encode(ctx context.Context, new []byte) ([][]byte, error) {
	coded := make([][]byte, lanesOf(len(new)))
	err := parallel.Each(ctx, len(coded), runtime.GOMAXPROCS(0), func(i int) error {
		l := p.newLane(newEncoder())
		for at := i * blockSize; at < len(new); at += len(coded) * blockSize {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			l.code(new[at:min(at+blockSize, len(new))], at)
		}
		coded[i] = l.finish()
		return nil
	})
	return coded, err
}

// ahead is the number of blocks that a lane may be ahead of the one that is written.
const ahead = 2

// A block is what a lane has made. err is set if its stream has ended too early. The last block of a lane is empty, and
// its err is set if the stream goes on.
type block struct {
	made []byte
	err  error
}

// decode writes the size bytes of NEW. If extra bytes are compressed apart, they are read from compressed.
func (p *patch) decode(w io.Writer, coded [][]byte, size int, compressed io.Reader) error {
	lanes, stop := make([]chan block, len(coded)), make(chan struct{})
	var running sync.WaitGroup
	defer running.Wait()
	defer close(stop)
	for i := range lanes {
		lanes[i] = make(chan block, ahead)
		running.Go(func() { p.decodeLane(coded, i, size, lanes[i], stop) })
	}
	c := cursor{patch: p}
	for at := 0; at < size; at += blockSize {
		b := <-lanes[at/blockSize%len(lanes)]
		if b.err == nil && compressed != nil {
			b.err = c.fill(b.made, at, compressed)
		}
		if b.err != nil {
			return b.err
		}
		if _, err := w.Write(b.made); err != nil {
			return err
		}
	}
	for _, l := range lanes {
		if b := <-l; b.err != nil {
			return b.err
		}
	}
	return nil
}

// decodeLane sends the blocks of lane i to made, until stop is closed.
func (p *patch) decodeLane(coded [][]byte, i, size int, made chan<- block, stop <-chan struct{}) {
	l := p.newLane(newDecoder(coded[i]))
	send := func(b block) bool {
		select {
		case made <- b:
			return true
		case <-stop:
			return false
		}
	}
	// One block is being made, one is being written, and the others wait.
	var buffers [ahead + 2][]byte
	for at := i * blockSize; at < size; at += len(coded) * blockSize {
		b := buffers[0]
		if b == nil {
			b = make([]byte, blockSize)
		}
		copy(buffers[:], buffers[1:])
		buffers[len(buffers)-1] = b
		b = b[:min(blockSize, size-at)]
		l.code(b, at)
		if !send(block{b, l.err()}) {
			return
		}
	}
	send(block{nil, l.ended()})
}

// fill reads the extra bytes among b, the bytes of NEW from at on.
func (c *cursor) fill(b []byte, at int, extra io.Reader) (err error) {
	c.pieces(b, at, func(b []byte, from, _ int64) {
		if from == noneOfOld && err == nil {
			_, err = io.ReadFull(extra, b)
		}
	})
	if err != nil {
		return fmt.Errorf("decompressing a patch: %w", err)
	}
	return nil
}
