package usage

import (
	"errors"
	"fmt"
	"testing"
)

func TestWrap(t *testing.T) {
	if err := Wrap(nil); err != nil {
		t.Errorf("Wrap(nil) = %v, want nil", err)
	}
	cause := errors.New("cause")
	var found *Error
	for _, err := range []error{Wrap(cause), Errorf("flag: %w", cause), fmt.Errorf("above: %w", Wrap(cause)), errors.Join(errors.New("other"), Wrap(cause))} {
		if !errors.As(err, &found) || !errors.Is(err, cause) {
			t.Errorf("%v: want an Error that wraps the cause", err)
		}
	}
}
