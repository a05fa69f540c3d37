package store

import "os"

// OnFlush replaces the Sync of files by flush.
func (s *Store) OnFlush(flush func(*os.File) error) { s.files.Flush = flush }
