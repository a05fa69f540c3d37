package gocache

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images/store"
	"github.com/slipway-build/slipway/internal/parallel"
)

const (
	// ActionKind is the kind of the records of actions: action ID -> action. A shared cache has them only with the
	// signature of a trusted key, because only go can tell whether an output belongs to an action.
	ActionKind = "go-action"
	// outputKind is the kind of outputs: SHA-256 -> file.
	outputKind = "go-output"
)

// An action is what is known about an action.
type action struct {
	Output string    `json:"output"` // ID of the output, in hex
	Size   int64     `json:"size"`   // of the output, in bytes
	Made   time.Time `json:"made"`
}

// A request and a response are those of Go's package cmd/go/internal/cacheprog.
type request struct {
	ID       int64
	Command  string
	ActionID []byte
	OutputID []byte
	BodySize int64
}

type response struct {
	ID            int64
	Err           string     `json:",omitempty"`
	KnownCommands []string   `json:",omitempty"`
	Miss          bool       `json:",omitempty"`
	OutputID      []byte     `json:",omitempty"`
	Size          int64      `json:",omitempty"`
	Time          *time.Time `json:",omitempty"`
	DiskPath      string     `json:",omitempty"`
}

// Content keeps outputs and what is known about actions. *store.Store implements it, and documents the methods.
type Content interface {
	Record(ctx context.Context, kind, key string) ([]byte, bool)
	SetRecord(kind, key string, value []byte) error
	ProvenFile(ctx context.Context, kind, key string, write func(io.Writer) error) (*store.File, error)
	Fetch(ctx context.Context, kind, key string) (*store.Fetched, bool)
}

// Serve answers the requests of a go command that in has, until it ends with one to close. Before the answer to that,
// flush is called.
func Serve(ctx context.Context, content Content, in io.Reader, out io.Writer, flush func()) error {
	s := &server{content: content, out: json.NewEncoder(out), requests: make(parallel.Slots, requestsAtOnce)}
	if err := s.answer(response{KnownCommands: []string{"get", "put", "close"}}); err != nil {
		return err
	}
	buffered := bufio.NewReaderSize(in, 1<<20)
	for {
		r, err := readRequest(buffered)
		if errors.Is(err, io.EOF) {
			s.wait.Wait()
			return nil // go was interrupted
		}
		if err != nil {
			return fmt.Errorf("reading a request of go: %w", err)
		}
		switch r.Command {
		case "close":
			s.wait.Wait()
			flush()
			return s.answer(response{ID: r.ID})
		case "get":
			release, err := s.requests.Acquire(ctx)
			if err != nil {
				return err
			}
			s.wait.Go(func() {
				defer release()
				s.fail(s.answer(s.get(ctx, r)))
			})
		case "put":
			s.fail(s.answer(s.put(ctx, r, buffered)))
		default:
			s.fail(s.answer(response{ID: r.ID, Err: fmt.Sprintf("unknown command %q", r.Command)}))
		}
		if err := s.failed(); err != nil {
			return err
		}
	}
}

// requestsAtOnce is the number of requests that are answered at the same time. Some wait for a shared cache.
const requestsAtOnce = 32

type server struct {
	content  Content
	requests parallel.Slots
	wait     sync.WaitGroup

	mu  sync.Mutex
	out *json.Encoder
	err error
}

func (s *server) answer(r response) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Encode(r)
}

// fail keeps the first error of writing an answer, after which go is gone.
func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

func (s *server) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// readRequest reads a line with a request. Its body follows, if it has one.
func readRequest(in *bufio.Reader) (r request, err error) {
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 1 {
			return r, json.Unmarshal(line, &r)
		}
		if err != nil {
			return r, err
		}
	}
}

// get looks up an action. A failure is a miss: go then makes the output.
func (s *server) get(ctx context.Context, r request) response {
	miss := response{ID: r.ID, Miss: true}
	raw, ok := s.content.Record(ctx, ActionKind, hex.EncodeToString(r.ActionID))
	var known action
	if !ok || json.Unmarshal(raw, &known) != nil {
		return miss
	}
	id, err := hex.DecodeString(known.Output)
	if err != nil {
		return miss
	}
	file, err := s.output(ctx, known)
	if err != nil {
		return miss
	}
	return response{ID: r.ID, OutputID: id, Size: known.Size, Time: &known.Made, DiskPath: file.Path()}
}

// errMiss means that an output is not there.
var errMiss = errors.New("the output is not in the cache")

// output returns the file of an output. That of a shared cache must have its digest.
func (s *server) output(ctx context.Context, known action) (*store.File, error) {
	for {
		fetched, ok := s.content.Fetch(ctx, outputKind, known.Output)
		if !ok {
			break
		}
		if digest, mark := fetched.Sums(); digest != (v1.Hash{Algorithm: "sha256", Hex: known.Output}) || mark.Size != known.Size {
			fetched.Reject(ctx, fmt.Errorf("it has %d bytes with the digest %s", mark.Size, digest))
			continue
		}
		if _, err := fetched.Keep(ctx); err != nil {
			return nil, err
		}
		break
	}
	file, err := s.content.ProvenFile(ctx, outputKind, known.Output, func(io.Writer) error { return errMiss })
	if err == nil && file.Size() != known.Size {
		err = errMiss
	}
	return file, err
}

// put keeps the output of an action. The body of the request is read in any case, so that the next request follows.
func (s *server) put(ctx context.Context, r request, in *bufio.Reader) response {
	failed := func(err error) response { return response{ID: r.ID, Err: err.Error()} }
	body := &body{in: in}
	if r.BodySize > 0 {
		if err := body.open(); err != nil {
			return failed(err)
		}
	}
	id := hex.EncodeToString(r.OutputID)
	var file *store.File
	err := errMiss
	for errors.Is(err, errMiss) { // of a get of this output, which was there first
		file, err = s.content.ProvenFile(ctx, outputKind, id, func(w io.Writer) error { return body.copyTo(w, r) })
	}
	if drained := body.close(); err == nil {
		err = drained
	}
	if err != nil {
		return failed(err)
	}
	raw, err := json.Marshal(action{id, r.BodySize, time.Now().UTC()})
	if err == nil {
		err = s.content.SetRecord(ActionKind, hex.EncodeToString(r.ActionID), raw)
	}
	if err != nil {
		return failed(err)
	}
	return response{ID: r.ID, DiskPath: file.Path()}
}

// A body is the body of a request: a line with a JSON string, which is in base64.
type body struct {
	in   *bufio.Reader
	text *stringReader // nil if there is none
}

func (b *body) open() error {
	for {
		switch c, err := b.in.ReadByte(); {
		case err != nil:
			return err
		case c == '"':
			b.text = &stringReader{in: b.in}
			return nil
		case c != '\n' && c != ' ':
			return fmt.Errorf("the body begins with %q, want a quotation mark", c)
		}
	}
}

// copyTo writes the body to w, and compares it with its request.
func (b *body) copyTo(w io.Writer, r request) error {
	if b.text == nil {
		return checkOutput(sha256.New().Sum(nil), 0, r)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum), base64.NewDecoder(base64.StdEncoding, b.text))
	if err != nil {
		return err
	}
	return checkOutput(sum.Sum(nil), n, r)
}

// close reads the rest of the body.
func (b *body) close() error {
	if b.text == nil {
		return nil
	}
	_, err := io.Copy(io.Discard, b.text)
	return err
}

// A stringReader reads up to a quotation mark. Base64 has no characters that JSON escapes.
type stringReader struct {
	in    *bufio.Reader
	ended bool
}

func (s *stringReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && !s.ended {
		// What is buffered is read without waiting for more.
		if n > 0 && s.in.Buffered() == 0 {
			break
		}
		c, err := s.in.ReadByte()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return n, err
		}
		if c == '"' {
			s.ended = true
			break
		}
		p[n] = c
		n++
	}
	if n == 0 && s.ended {
		return 0, io.EOF
	}
	return n, nil
}

// checkOutput compares the content of an output with what its request states.
func checkOutput(sum []byte, size int64, r request) error {
	if size != r.BodySize || !bytes.Equal(sum, r.OutputID) {
		return fmt.Errorf("output %x has %d bytes with the SHA-256 %x; want %d bytes with the SHA-256 of its name", r.OutputID, size, sum, r.BodySize)
	}
	return nil
}
