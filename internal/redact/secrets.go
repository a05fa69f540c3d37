package redact

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Secrets are known secret values. The zero value is empty. All methods may be called from several
// goroutines.
type Secrets struct {
	mu       sync.Mutex
	forms    map[string]bool
	replacer *strings.Replacer
}

// shortest is the minimum length of a secret, in bytes. A shorter one would occur in ordinary
// words.
const shortest = 4

// Add adds secret values, including their forms escaped for URLs and JSON.
func (s *Secrets) Add(values ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forms == nil {
		s.forms = map[string]bool{}
	}
	for _, v := range values {
		if len(v) < shortest {
			continue
		}
		quoted, _ := json.Marshal(v)
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v), strings.Trim(string(quoted), `"`)} {
			if !s.forms[form] {
				s.forms[form], s.replacer = true, nil
			}
		}
	}
}

// Text returns text without the known secrets, and without those that the function Text finds.
func (s *Secrets) Text(text string) string {
	s.mu.Lock()
	if s.replacer == nil && len(s.forms) > 0 {
		var forms []string
		for form := range s.forms {
			forms = append(forms, form)
		}
		// Longest first, since one secret may be part of another.
		slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
		pairs := make([]string, 0, 2*len(forms))
		for _, form := range forms {
			pairs = append(pairs, form, mark)
		}
		s.replacer = strings.NewReplacer(pairs...)
	}
	replacer := s.replacer
	s.mu.Unlock()
	if replacer != nil {
		text = replacer.Replace(text)
	}
	return Text(text)
}
