package catalog

import (
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// commonLicence matches the reference to a licence in a copyright file that is plain text.
var commonLicence = regexp.MustCompile(`/usr/share/common-licenses/([0-9A-Za-z_.+-]*[0-9A-Za-z+])`)

// maxLicences is the largest number of licences of one package that are read.
const maxLicences = 200

// licencesOf reads a copyright file of Debian: the License fields if the file is machine-readable, and otherwise the
// references to licences in /usr/share/common-licenses.
func licencesOf(r io.Reader) (*Facts, error) {
	fields, references := map[string]bool{}, map[string]bool{}
	s := lines(r)
	for s.Scan() && len(fields)+len(references) < maxLicences {
		line := s.Text()
		if value, ok := strings.CutPrefix(line, "License:"); ok {
			if value = strings.Join(strings.Fields(value), " "); value != "" {
				fields[value] = true
				s.keep(len(value))
			}
			continue
		}
		for _, m := range commonLicence.FindAllStringSubmatch(line, -1) {
			references[m[1]] = true
			s.keep(len(m[1]))
		}
	}
	found := fields
	if len(fields) == 0 {
		found = references
	}
	if len(found) == 0 {
		return nil, s.Err()
	}
	return &Facts{Licences: slices.Sorted(maps.Keys(found))}, s.Err()
}
