package containerd

import (
	"errors"
	"io"
	"testing"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
)

// answers is a stream whose writes are answered with the offsets in it, and then with end.
type answers struct {
	contentapi.Content_WriteClient
	offsets []int64
	end     error
	sent    int
	closed  bool // Send fails, as when the server has ended the stream
}

func (a *answers) Send(*contentapi.WriteContentRequest) error {
	if a.closed {
		return io.EOF
	}
	a.sent++
	return nil
}

func (a *answers) Recv() (*contentapi.WriteContentResponse, error) {
	if len(a.offsets) == 0 {
		return nil, a.end
	}
	offset := a.offsets[0]
	a.offsets = a.offsets[1:]
	return &contentapi.WriteContentResponse{Offset: offset}, nil
}

// sendAhead writes n messages of 10 bytes and a commit, and returns the last answer.
func sendAhead(w *aheadWriter, n int) (answer *contentapi.WriteContentResponse, err error) {
	for i := range n + 1 {
		r := &contentapi.WriteContentRequest{Action: contentapi.WriteAction_WRITE, Offset: int64(10 * i), Data: make([]byte, 10)}
		if i == n {
			r = &contentapi.WriteContentRequest{Action: contentapi.WriteAction_COMMIT, Offset: int64(10 * i)}
		}
		if err := w.Send(r); err != nil {
			return nil, err
		}
		if answer, err = w.Recv(); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// Answers are received late, each is compared, and the error that ends the stream is not lost.
func TestAhead(t *testing.T) {
	full := errors.New("no space left on device")
	for _, c := range []struct {
		name   string
		stream answers
		want   error
	}{
		{"right answers", answers{offsets: []int64{10, 20, 30, 40, 50, 60, 60}}, nil},
		{"a short write at the beginning", answers{offsets: []int64{9, 20, 30, 40, 50, 60, 60}}, io.ErrShortWrite},
		{"a short write at the end", answers{offsets: []int64{10, 20, 30, 40, 50, 59, 60}}, io.ErrShortWrite},
		{"an error in the middle", answers{offsets: []int64{10, 20}, end: full}, full},
		{"an error of the commit", answers{offsets: []int64{10, 20, 30, 40, 50, 60}, end: full}, full},
		{"a stream that has ended", answers{offsets: []int64{10, 20}, end: full, closed: true}, full},
	} {
		t.Run(c.name, func(t *testing.T) {
			answer, err := sendAhead(&aheadWriter{Content_WriteClient: &c.stream}, 6)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if err == nil && answer.Offset != 60 {
				t.Errorf("the commit is answered with %d, want 60", answer.Offset)
			}
		})
	}
	waiting := &answers{offsets: []int64{10}, end: full}
	w := &aheadWriter{Content_WriteClient: waiting}
	if _, err := sendAhead(w, maxAhead+2); err == nil {
		t.Error("messages were sent without any answer")
	}
	if waiting.sent != maxAhead+2 {
		t.Errorf("%d messages were sent with one answer, want %d", waiting.sent, maxAhead+2)
	}
}
