package progress

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A service is a CI service whose logs have sections that readers fold, and lines that the service
// attaches to a place in a file.
type service struct {
	*plain
	title    string
	open     bool
	dialect  dialect
	annotate func(level, message string) string // nil: plain lines
}

// A dialect writes the first and the last line of a section.
type dialect struct {
	begin, end func(w io.Writer, title string, now time.Time)
}

// githubDialect is that of GitHub Actions:
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
var githubDialect = dialect{
	begin: func(w io.Writer, title string, _ time.Time) { fmt.Fprintf(w, "::group::%s\n", printable(title)) },
	end:   func(w io.Writer, _ string, _ time.Time) { fmt.Fprintln(w, "::endgroup::") },
}

// gitlabDialect is that of GitLab CI: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
var gitlabDialect = dialect{
	begin: func(w io.Writer, title string, now time.Time) {
		fmt.Fprintf(w, "\x1b[0Ksection_start:%d:%s\r\x1b[0K%s\n", now.Unix(), sectionName(title), printable(title))
	},
	end: func(w io.Writer, title string, now time.Time) {
		fmt.Fprintf(w, "\x1b[0Ksection_end:%d:%s\r\x1b[0K\n", now.Unix(), sectionName(title))
	},
}

// sectionName replaces the characters that GitLab does not allow in the name of a section.
func sectionName(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9', r == '-', r == '.':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, title)
}

// fold begins the section before its first line, so that a command without progress has none.
func (s *service) fold() {
	if !s.open && s.title != "" {
		s.open = true
		s.dialect.begin(s.w, s.title, s.now())
	}
}

func (s *service) line(r *running, line string) {
	s.fold()
	s.plain.line(r, line)
}

func (s *service) finished(e end) {
	s.fold()
	s.plain.finished(e)
}

func (s *service) tick(rs []*running) {
	if len(rs) > 0 {
		s.fold()
	}
	s.plain.tick(rs)
}

// log marks lines that GitHub would otherwise carry out as commands.
func (s *service) log(line string) {
	if text := strings.TrimSpace(line); strings.HasPrefix(text, "::") || strings.HasPrefix(text, "##[") {
		line = "| " + line
	}
	s.plain.log(line)
}

func (s *service) warning(message string) {
	if s.annotate == nil {
		s.plain.warning(message)
		return
	}
	s.printf("%s", s.annotate("warning", message))
}

func (s *service) close() {
	if s.open {
		s.dialect.end(s.w, s.title, s.now())
	}
}

// A Place is the line of a file to which a message refers.
type Place struct {
	File      string
	Line, Col int // from 1; Col is 0 if it is unknown
}

// placePattern matches the positions in messages of this module: file:line or file:line:column.
var placePattern = regexp.MustCompile(`(?:^|[\s(])([^\s():][^\s()]*?):(\d{1,9})(?::(\d{1,9}))?: `)

// PlaceOf returns the first place in a message whose file exists, so that an address such as 127.0.0.1:5000 is not
// mistaken for one.
func PlaceOf(message string) (Place, bool) {
	for _, found := range placePattern.FindAllStringSubmatch(message, -1) {
		if info, err := os.Stat(found[1]); err != nil || !info.Mode().IsRegular() {
			continue
		}
		var p Place
		p.File = found[1]
		fmt.Sscan(found[2], &p.Line)
		fmt.Sscan(found[3], &p.Col)
		return p, true
	}
	return Place{}, false
}

// annotation returns the workflow command of GitHub Actions that shows a message, in the log and beside
// the place that it names. workspace is the folder of the checkout, which GitHub's paths start from.
func annotation(workspace, level, message string) string {
	var properties string
	if p, ok := PlaceOf(message); ok {
		if file, err := filepath.Abs(p.File); err == nil {
			if below, err := filepath.Rel(workspace, file); workspace != "" && err == nil && filepath.IsLocal(below) {
				properties = fmt.Sprintf(" file=%s,line=%d", escapeProperty(filepath.ToSlash(below)), p.Line)
				if p.Col > 0 {
					properties += fmt.Sprintf(",col=%d", p.Col)
				}
			}
		}
	}
	return "::" + level + properties + "::" + escapeData(Printable(strings.TrimRight(message, "\n")))
}

var (
	escapeData     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace
	escapeProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace
)

// annotations returns one annotation for each line of a failure that names a place. Lines between them belong to the
// previous annotation. A failure without a place is one annotation.
func annotations(workspace, failure string) []string {
	var messages []string
	for _, line := range strings.Split(strings.TrimRight(failure, "\n"), "\n") {
		if _, ok := PlaceOf(line); ok || len(messages) == 0 {
			messages = append(messages, line)
			continue
		}
		messages[len(messages)-1] += "\n" + line
	}
	for i, message := range messages {
		messages[i] = annotation(workspace, "error", message)
	}
	return messages
}
