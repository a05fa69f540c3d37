package images

import (
	"fmt"
	"io/fs"
)

// Absentf returns an error that is an fs.ErrNotExist, whose text says in full what is not
// there: the sentinel's own would follow it as "file does not exist".
func Absentf(format string, args ...any) error { return absent(fmt.Sprintf(format, args...)) }

type absent string

func (a absent) Error() string { return string(a) }

func (absent) Is(target error) bool { return target == fs.ErrNotExist }
