package parallel

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
)

func TestEachJoinsErrorsInOrder(t *testing.T) {
	var done atomic.Int32
	err := Each(t.Context(), 4, 2, func(i int) error {
		done.Add(1)
		if i == 0 {
			return nil
		}
		return fmt.Errorf("step %d", i/2) // 0, 1, 1
	})
	if done.Load() != 4 || err == nil || err.Error() != "step 0\nstep 1" {
		t.Errorf("%d steps were done, want 4; error %q", done.Load(), err)
	}
}

func TestEachBeginsNothingOnceTheContextHasEnded(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	var done atomic.Int32
	err := Each(ctx, 3, 1, func(int) error {
		done.Add(1)
		cancel(stop)
		return nil
	})
	if !errors.Is(err, stop) || done.Load() == 3 {
		t.Errorf("%d steps were done; error %v, want %v", done.Load(), err, stop)
	}
}

func TestMemo(t *testing.T) {
	var (
		m     Memo[int]
		calls atomic.Int32
	)
	err := Each(t.Context(), 20, 20, func(i int) error {
		got, err := m.Do(t.Context(), fmt.Sprint(i%2), func() (int, error) {
			calls.Add(1)
			return i % 2, nil
		})
		if err == nil && got != i%2 {
			err = fmt.Errorf("key %d: got %d", i%2, got)
		}
		return err
	})
	if err != nil || calls.Load() != 2 {
		t.Errorf("produced %d times, want 2; error %v", calls.Load(), err)
	}
	wrong := errors.New("wrong")
	for range 2 {
		if _, err := m.Do(t.Context(), "wrong", func() (int, error) { return 7, wrong }); !errors.Is(err, wrong) {
			t.Errorf("got %v, want %v", err, wrong)
		}
	}
	if values := m.Values(); len(values) != 2 {
		t.Errorf("values %v, want 0 and 1", values)
	}
}

func TestMemoWaitsNoLongerThanItsContext(t *testing.T) {
	var m Memo[int]
	begun, end := make(chan struct{}), make(chan struct{})
	go m.Do(t.Context(), "slow", func() (int, error) { close(begun); <-end; return 1, nil })
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Do(ctx, "slow", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the context", err)
	}
	close(end)
}
