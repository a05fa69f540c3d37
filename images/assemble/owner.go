package assemble

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/images/fstree"

	"github.com/slipway-build/slipway/internal/regular"
)

// maxUserFile is the largest size of /etc/passwd and /etc/group, as in BuildKit.
const maxUserFile = 10 << 20

// An unknownNameError reports a name that is missing in the user or group file of an
// image.
type unknownNameError struct{ kind, name, file string }

func (e *unknownNameError) Error() string {
	if notAnID.MatchString(e.name) {
		return fmt.Sprintf("%s is not the ID of a %s: want a number from 0 to %d", e.name, e.kind, math.MaxInt32)
	}
	return fmt.Sprintf("%s %q is not in the image's %s; a number needs no entry there", e.kind, e.name, e.file)
}

// windowsUsers are the users of every Windows base image. It has no /etc/passwd, and
// its security descriptors hold the owners of files.
var windowsUsers = map[string]bool{"containeradministrator": true, "containeruser": true}

// owner parses USER[:GROUP]. Each is a number, a name in root's user or group file, or
// empty for the superuser. Without GROUP, a name has the group of its entry, and a
// number has the group of the same number. These are BuildKit's rules.
func (asm *assembly) owner(ctx context.Context, s *stage, root *fstree.Node, spec string) (*fstree.Owner, error) {
	user, group, hasGroup := strings.Cut(spec, ":")
	as := &fstree.Owner{}
	if id, ok := parseID(user); ok {
		as.UID, as.GID = id, id
	} else if s.state.platform.OS == "windows" && windowsUsers[strings.ToLower(user)] {
		// the superuser, in the plain form
	} else {
		fields, err := asm.lookUp(ctx, root, "user", "/etc/passwd", user, 4)
		if err != nil {
			return nil, err
		}
		as.UID, as.GID = fields[0], fields[1]
	}
	if !hasGroup {
		return as, nil
	}
	if id, ok := parseID(group); ok {
		as.GID = id
		return as, nil
	}
	fields, err := asm.lookUp(ctx, root, "group", "/etc/group", group, 3)
	if err != nil {
		return nil, err
	}
	as.GID = fields[0]
	return as, nil
}

// notAnID matches a number that parseID has not accepted as an ID.
var notAnID = regexp.MustCompile(`^[+-]?[0-9]+$`)

func parseID(s string) (int, bool) {
	if s == "root" || s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil && n >= 0
}

// lookUp returns the third field and, if want is 4, the fourth field of name's line in
// a passwd or group file.
func (asm *assembly) lookUp(ctx context.Context, root *fstree.Node, kind, file, name string, want int) ([2]int, error) {
	unknown := &unknownNameError{kind, name, file}
	at, err := fstree.Resolve(root, file, true)
	if err != nil || !at.Node.IsFile() {
		return [2]int{}, unknown
	}
	data, err := asm.readSmall(ctx, at.Node, maxUserFile)
	if err != nil {
		return [2]int{}, fmt.Errorf("reading the image's %s: %w", file, err)
	}
	for line := range bytes.Lines(data) { // lines of any length: a group may have thousands of members
		fields := strings.SplitN(strings.TrimSpace(string(line)), ":", want+1)
		if fields[0] != name || len(fields) < want {
			continue
		}
		var ids [2]int
		for i, field := range fields[2:want] {
			n, err := strconv.ParseInt(field, 10, 32)
			if err != nil {
				return ids, fmt.Errorf("the image's %s has %q as a number of %s %q", file, field, kind, name)
			}
			ids[i] = int(n)
		}
		return ids, nil
	}
	return [2]int{}, unknown
}

// readSmall returns the content of a file, or an error if it is larger than limit
// bytes.
func (asm *assembly) readSmall(ctx context.Context, n *fstree.Node, limit int64) ([]byte, error) {
	if n.Size > limit {
		return nil, fmt.Errorf("it has %d bytes; the limit is %d", n.Size, limit)
	}
	switch c := n.Content.(type) {
	case nil:
		return nil, nil
	case fstree.Literal:
		return c, nil
	case *fstree.DiskFile:
		return regular.ReadFile(c.Path)
	case *fstree.Member:
		var data []byte
		err := fstree.Members(ctx, c.Archive, func(index int, _ int64, r io.Reader) (bool, error) {
			if index != c.Index {
				return true, nil
			}
			var err error
			data, err = io.ReadAll(io.LimitReader(r, limit))
			return false, err
		})
		return data, err
	}
	return nil, fmt.Errorf("content of type %T", n.Content)
}
