package carry

import (
	"fmt"
	"sync/atomic"
)

// A Budget limits how many bytes of attachments are held in memory. Several images may share one.
type Budget struct {
	limit int64
	taken atomic.Int64
}

// NewBudget returns a budget of limit bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit} }

// take returns an error if more than the limit was taken.
func (b *Budget) take(n int64) error {
	if b.taken.Add(n); b.spent() {
		return fmt.Errorf("the attachments of one archive have more than %d MiB: divide its images among several archives", b.limit>>20)
	}
	return nil
}

// spent reports whether more than the limit was taken.
func (b *Budget) spent() bool { return b.taken.Load() > b.limit }
