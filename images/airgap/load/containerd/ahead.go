package containerd

import (
	"context"
	"errors"
	"io"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	"google.golang.org/grpc"
)

// maxAhead is the number of messages of one blob that containerd has not answered yet.
const maxAhead = 4

// An aheadClient is containerd's content service. Its writers send the next messages of a blob before containerd has
// answered the last, so that both work at the same time.
type aheadClient struct{ contentapi.ContentClient }

func (c aheadClient) Write(ctx context.Context, opts ...grpc.CallOption) (contentapi.Content_WriteClient, error) {
	s, err := c.ContentClient.Write(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return &aheadWriter{Content_WriteClient: s}, nil
}

// An aheadWriter writes one blob. Recv returns the expected answer to a write at once; one that differs is the error of
// a later call.
type aheadWriter struct {
	contentapi.Content_WriteClient
	// expected are the offsets after the writes that containerd has not answered.
	expected []int64
	// sent is the request that the next Recv is about.
	sent *contentapi.WriteContentRequest
}

func (w *aheadWriter) Send(r *contentapi.WriteContentRequest) error {
	w.sent = r
	err := w.Content_WriteClient.Send(r)
	if errors.Is(err, io.EOF) {
		// containerd has ended the stream; its error is there to be received.
		for err = nil; err == nil; {
			_, err = w.Content_WriteClient.Recv()
		}
	}
	return err
}

func (w *aheadWriter) Recv() (*contentapi.WriteContentResponse, error) {
	allowed := 0
	write := w.sent.Action == contentapi.WriteAction_WRITE
	if write {
		allowed = maxAhead
		w.expected = append(w.expected, w.sent.Offset+int64(len(w.sent.Data)))
	}
	for len(w.expected) > allowed {
		answer, err := w.Content_WriteClient.Recv()
		if err != nil {
			return nil, err
		}
		if answer.Offset != w.expected[0] {
			return nil, io.ErrShortWrite
		}
		w.expected = w.expected[1:]
	}
	if write {
		return &contentapi.WriteContentResponse{Offset: w.sent.Offset + int64(len(w.sent.Data))}, nil
	}
	return w.Content_WriteClient.Recv()
}
