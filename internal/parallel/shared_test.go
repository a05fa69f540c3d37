package parallel

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
)

func TestShareMakesOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls Calls
		release := make(chan struct{})
		count := 0
		do := func() (int, error) {
			count++
			<-release
			return 7, nil
		}
		for range 3 {
			go func() {
				if got, err := Share(t.Context(), &calls, "key", do); got != 7 || err != nil {
					t.Errorf("got %d, %v", got, err)
				}
			}()
		}
		synctest.Wait()
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := Share(canceled, &calls, "key", do); !errors.Is(err, context.Canceled) {
			t.Errorf("a caller whose context ended got %v", err)
		}
		close(release)
		synctest.Wait()
		if count != 1 {
			t.Errorf("%d calls were made", count)
		}
	})
}

// If a caller is canceled, the others are not.
func TestShareRunsAgainAfterACancellation(t *testing.T) {
	var calls Calls
	first, cancel := context.WithCancel(t.Context())
	entered := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		_, err := Share(first, &calls, "key", func() (string, error) {
			close(entered)
			<-first.Done()
			return "", first.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that was canceled got %v", err)
		}
	})
	<-entered
	group.Go(func() {
		if got, err := Share(t.Context(), &calls, "key", func() (string, error) { return "value", nil }); got != "value" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	cancel()
	group.Wait()
}
