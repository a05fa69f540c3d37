package pack

import (
	"context"
	"errors"
)

// WriteParts writes content to final, in parts of each bytes.
func WriteParts(ctx context.Context, final string, content []byte, each int64) error {
	s, err := newSpool(final, int64(len(content)), each)
	if err != nil {
		return err
	}
	defer s.discard()
	w, err := s.at(0)
	if err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return errors.Join(err, w.Close())
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.commit(ctx)
}
