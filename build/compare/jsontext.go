package compare

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/streams"
)

// jsons compares two JSON documents by value. Documents that are too large, or are not JSON after all, are text.
func (r *run) jsons(path []string, first, second string) error {
	a, okA, err := readJSON(first)
	if err != nil {
		return err
	}
	b, okB, err := readJSON(second)
	if err != nil {
		return err
	}
	if !okA || !okB {
		return r.texts(path, first, second)
	}
	d, before := &jsonDiff{run: r, path: path}, r.count()
	d.values("", a, b, 0)
	d.sayRest()
	if r.count() == before {
		r.say(path, "the values are equal, but the order of members or the white space is not")
	}
	return nil
}

func readJSON(file string) (v any, ok bool, err error) {
	info, err := os.Stat(file)
	if err != nil || info.Size() > maxText {
		return nil, false, err
	}
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, false, err
	}
	ok = decode(raw, &v)
	return v, ok, nil
}

// decode parses one JSON document, and keeps numbers as they are written.
func decode(raw []byte, v *any) bool {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(v) == nil && !decoder.More()
}

type jsonDiff struct {
	*run
	path []string
	// said is the number of differences, and followed that of differences in digests alone.
	said, followed int
}

// maxLists is the depth of lists within lists up to which their order is compared: each level encodes all values again.
const maxLists = 8

// sayRest says how many differences were not listed.
func (d *jsonDiff) sayRest() {
	if d.said > maxSaid {
		d.say(d.path, "%d more values differ", d.said-maxSaid)
	}
	d.sayFollowing(d.path, d.followed, "values")
}

// sayFollowing says how many of n differences in digests were not listed.
func (r *run) sayFollowing(path []string, n int, what string) {
	if n > maxSaid {
		r.keepFollowing(Difference{append([]string(nil), path...), fmt.Sprintf("%d more %s differ in digests", n-maxSaid, what)})
	}
}

func (d *jsonDiff) differs(at, format string, args ...any) {
	if d.said++; d.said <= maxSaid {
		if at != "" {
			at += " "
		}
		d.say(d.path, at+format, args...)
	}
}

// values compares two values at a place such as config.Env[2]. lists is the number of lists around them.
func (d *jsonDiff) values(at string, a, b any, lists int) {
	at = short(at)
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok {
			break
		}
		keys := map[string]bool{}
		for key := range x {
			keys[key] = true
		}
		for key := range y {
			keys[key] = true
		}
		for _, key := range sortedKeys(keys) {
			place := strings.TrimPrefix(at+"."+key, ".")
			if v, ok := x[key]; !ok {
				d.differs(place, "is only in the second: %s", shortJSON(y[key]))
			} else if w, ok := y[key]; !ok {
				d.differs(place, "is only in the first: %s", shortJSON(v))
			} else {
				d.values(place, v, w, lists)
			}
		}
		return
	case []any:
		y, ok := b.([]any)
		if !ok {
			break
		}
		if len(x) == len(y) && lists < maxLists && sameSet(x, y) {
			if !reflect.DeepEqual(x, y) {
				d.differs(at, "has the same values in another order; sort what comes out of a map")
			}
			return
		}
		if len(x) != len(y) {
			d.differs(at, "has %d values and %d", len(x), len(y))
		}
		for i := range min(len(x), len(y)) {
			d.values(fmt.Sprintf("%s[%d]", at, i), x[i], y[i], lists+1)
		}
		return
	}
	if !reflect.DeepEqual(a, b) {
		textA, textB := fullJSON(a), fullJSON(b)
		if follows(textA, textB) {
			if d.followed++; d.followed <= maxSaid {
				d.run.values(d.path, at, textA, textB, shortJSON(a), shortJSON(b))
			}
			return
		}
		d.differs(at, "differs: %s and %s%s", shortJSON(a), shortJSON(b), d.cause(textA, textB))
	}
}

// sameSet reports whether two lists have the same values, in any order.
func sameSet(a, b []any) bool {
	count := map[string]int{}
	for i := range a {
		count[fullJSON(a[i])]++
		count[fullJSON(b[i])]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func fullJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(raw)
}

func shortJSON(v any) string {
	text := fullJSON(v)
	if len(text) > 100 {
		return text[:100] + "…"
	}
	return text
}

// texts compares two texts by lines. A checksum file says which of its files differ.
func (r *run) texts(path []string, first, second string) error {
	a, err := regular.Open(first)
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := regular.Open(second)
	if err != nil {
		return err
	}
	defer b.Close()
	linesA, linesB := r.lines(a), r.lines(b)
	said, more, followed := &run{Comparer: r.Comparer, ctx: r.ctx}, 0, 0
	var digests []string // the first names of a checksum file with other digests
	listed := 0          // number of all such names
	var sums uint64      // sum of the hashes of the lines of the first minus that of the second; zero if both have the same lines
	numberA, numberB := 0, 0
	for {
		x, okA := linesA()
		y, okB := linesB()
		if !okA && !okB {
			break
		}
		if okA {
			numberA++
			sums += lineSum(x)
		}
		if okB {
			numberB++
			sums -= lineSum(y)
		}
		if okA == okB && x == y {
			continue
		}
		if name, ok := sameChecksummed(x, y); ok {
			if listed++; listed <= maxSaid {
				digests = append(digests, name)
			}
			continue
		}
		if len(said.found) == maxSaid {
			more++
			continue
		}
		switch line := max(numberA, numberB); {
		case !okB:
			said.say(path, "line %d is only in the first: %s", line, shortLine(x))
		case !okA:
			said.say(path, "line %d is only in the second: %s", line, shortLine(y))
		case follows(x, y):
			if followed++; followed <= maxSaid {
				said.values(path, fmt.Sprintf("line %d", line), x, y, shortLine(x), shortLine(y))
			}
		default:
			said.values(path, fmt.Sprintf("line %d", line), x, y, shortLine(x), shortLine(y))
		}
	}
	if len(said.found) > 0 && sums == 0 && numberA == numberB {
		r.say(path, "both have the same lines, in another order; sort what comes out of a map")
		return nil
	}
	for _, d := range said.found {
		r.keep(d)
	}
	for _, d := range said.following {
		r.keepFollowing(d)
	}
	if more > 0 {
		r.say(path, "%d more lines differ", more)
	}
	r.sayFollowing(path, followed, "lines")
	r.sayListed(path, digests, listed)
	return nil
}

// sayListed reports the names in a checksum file whose digests differ: the first ones, and the number of all.
func (r *run) sayListed(path, names []string, number int) {
	if number == 0 {
		return
	}
	list := strings.Join(names, ", ")
	if number > maxSaid {
		list += fmt.Sprintf(" and %d more", number-maxSaid)
	}
	r.say(path, "the listed digests differ: %s", list)
}

// sameChecksummed returns the name in two lines of sha256sum that are for the same file.
func sameChecksummed(x, y string) (string, bool) {
	sumA, nameA, isA := strings.Cut(x, "  ")
	sumB, nameB, isB := strings.Cut(y, "  ")
	return nameA, isA && isB && nameA == nameB && len(sumA) == 64 && len(sumB) == 64
}

// lines returns an iterator over the lines of a file. A line that is longer than the buffer is cut into several.
func (r *run) lines(f io.Reader) func() (string, bool) {
	b := bufio.NewReaderSize(streams.WithContext(r.ctx, f), 1<<16)
	return func() (string, bool) {
		line, err := b.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			return "", false
		}
		return strings.TrimRight(string(line), "\n"), true
	}
}

// lineSum is a hash of a line (FNV-1a).
func lineSum(line string) uint64 {
	sum := uint64(14695981039346656037)
	for i := range len(line) {
		sum = (sum ^ uint64(line[i])) * 1099511628211
	}
	return sum
}

func shortLine(line string) string {
	if len(line) > 100 {
		line = line[:100] + "…"
	}
	return fmt.Sprintf("%q", line)
}
