package catalog

import (
	"io"
	"strings"
)

// osRelease reads os-release(5): assignments as a shell reads them.
func osRelease(r io.Reader) (*Facts, error) {
	var os OS
	s := lines(r)
	for s.Scan() {
		key, value, ok := strings.Cut(strings.TrimSpace(s.Text()), "=")
		if !ok {
			continue
		}
		value = unquote(value)
		switch key {
		case "ID":
			os.ID = value
		case "VERSION_ID":
			os.VersionID = value
		case "PRETTY_NAME":
			os.PrettyName = value
		case "CPE_NAME":
			os.CPE = value
		}
	}
	if os.ID == "" {
		return nil, s.Err()
	}
	return &Facts{OS: &os}, s.Err()
}

// unquote removes quotes and backslashes.
func unquote(value string) string {
	if len(value) < 2 || value[0] != '"' && value[0] != '\'' || value[len(value)-1] != value[0] {
		return value
	}
	quote := value[0]
	value = value[1 : len(value)-1]
	if quote == '\'' {
		return value
	}
	var out strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
		}
		out.WriteByte(value[i])
	}
	return out.String()
}
