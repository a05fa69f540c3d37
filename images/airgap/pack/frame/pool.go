package frame

import "sync"

// A pool keeps values that are expensive to make.
type pool[T any] struct {
	mu   sync.Mutex
	free []T
}

// take removes a value from the pool, or makes one.
func (p *pool[T]) take(makeOne func() (T, error)) (T, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		one := p.free[n-1]
		p.free = p.free[:n-1]
		return one, nil
	}
	return makeOne()
}

func (p *pool[T]) give(one T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, one)
}

// drop discards pooled values.
func (p *pool[T]) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = nil
}
