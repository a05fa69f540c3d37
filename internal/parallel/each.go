package parallel

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"
)

// Each calls do for 0 to n-1, at most limit at a time. It joins the errors in the order of their numbers, and reports
// errors with the same text once. An error does not stop the other steps; when ctx ends, no further step begins.
func Each(ctx context.Context, n, limit int, do func(i int) error) error {
	errs := make([]error, n+1)
	var group errgroup.Group
	group.SetLimit(max(limit, 1))
	for i := range n {
		if errs[n] = context.Cause(ctx); errs[n] != nil {
			break
		}
		group.Go(func() error {
			errs[i] = do(i)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	return errors.Join(Distinct(errs)...)
}

// Distinct returns the errors that are not nil, without those that have the text of an earlier one. Steps that wait for
// the same value of a Memo report the same error.
func Distinct(errs []error) []error {
	var out []error
	seen := map[string]bool{}
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			out = append(out, err)
		}
	}
	return out
}
