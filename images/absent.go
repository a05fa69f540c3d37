package images

import (
	"fmt"
	"io/fs"
)

// Absentf returns an error that wraps fs.ErrNotExist and has only the given text, without
// the text of fs.ErrNotExist.
func Absentf(format string, args ...any) error { return absent(fmt.Sprintf(format, args...)) }

type absent string

func (a absent) Error() string { return string(a) }

func (absent) Is(target error) bool { return target == fs.ErrNotExist }
