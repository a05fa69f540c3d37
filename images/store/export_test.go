package store

import "os"

// OnFlush has flush called in place of a file's Sync.
func (s *Store) OnFlush(flush func(*os.File) error) { s.files.Flush = flush }
