package survey

import (
	"regexp"
	"strings"
)

// lookup returns the value of a variable in a recipe.
func (r *Recipes) lookup(in *recipe, name string) (string, bool) {
	if in != nil {
		if v, ok := in.vars[name]; ok && (v != "" || r.given[name] == "") {
			return v, true
		}
	}
	if v, ok := r.vars[name]; ok {
		return v, true
	}
	v, ok := r.given[name]
	return v, ok
}

var (
	matrixOrEnv = regexp.MustCompile(`^(?:env|vars|inputs|matrix|github\.event\.inputs)\.(\w+)$`)
	twoDollars  = regexp.MustCompile(`\$\$([({A-Za-z_])`)
)

// expand replaces the references of make, sh and GitHub Actions in text. With meanings, a reference whose name has a
// known meaning, such as $(VERSION), becomes the variable of slipway.yaml. It reports whether it could replace all of
// them.
func (r *Recipes) expand(in *recipe, text string, meanings bool) (string, bool) {
	budget := maxReferences
	return r.expandDeep(in, text, meanings, 0, &budget)
}

// maxReferences is the maximum number of references that are replaced in one text, in case variables contain others
// many times.
const maxReferences = 1000

func (r *Recipes) expandDeep(in *recipe, text string, meanings bool, depth int, budget *int) (string, bool) {
	if depth > 12 || len(text) > 1<<14 || *budget <= 0 {
		return text, false
	}
	text = twoDollars.ReplaceAllString(text, "$$$1")
	var b strings.Builder
	all := true
	for text != "" {
		all = all && !strings.HasPrefix(text, "{{") // a Go template
		if text[0] == '`' {
			if end := strings.IndexByte(text[1:], '`'); end >= 0 {
				value, ok := commandMeaning(text[1 : end+1])
				b.WriteString(value)
				all, text = all && ok, text[end+2:]
				continue
			}
		}
		if text[0] != '$' {
			b.WriteByte(text[0])
			text = text[1:]
			continue
		}
		*budget--
		ref, rest := cutReference(text)
		text = rest
		value, ok := r.reference(in, ref, meanings, depth, budget)
		b.WriteString(value)
		all = all && ok
	}
	return b.String(), all
}

// cutReference cuts $NAME, ${…}, $(…) or ${{…}} from the beginning of text.
func cutReference(text string) (ref, rest string) {
	if strings.HasPrefix(text, "${{") {
		if end := strings.Index(text, "}}"); end >= 0 {
			return text[:end+2], text[end+2:]
		}
	}
	if len(text) > 1 && (text[1] == '(' || text[1] == '{') {
		depth := 0
		for i := 1; i < len(text); i++ {
			switch text[i] {
			case '(', '{':
				depth++
			case ')', '}':
				if depth--; depth == 0 {
					return text[:i+1], text[i+1:]
				}
			}
		}
		return text, ""
	}
	end := 1
	for end < len(text) && (text[end] == '_' || text[end] >= '0' && text[end] <= '9' || text[end]|0x20 >= 'a' && text[end]|0x20 <= 'z') {
		end++
	}
	if end == 1 && len(text) > 1 {
		end = 2 // $@, $*, $<
	}
	return text[:end], text[end:]
}

// reference returns the value of a reference, or "" if it is unknown.
func (r *Recipes) reference(in *recipe, ref string, meanings bool, depth int, budget *int) (string, bool) {
	name := strings.TrimSpace(strings.Trim(strings.TrimPrefix(ref, "$"), "(){}"))
	if strings.HasPrefix(ref, "${{") {
		if m := matrixOrEnv.FindStringSubmatch(name); m != nil {
			name = m[1]
		} else {
			return actionsMeaning(name, meanings)
		}
	}
	if cmd, ok := strings.CutPrefix(name, "shell "); ok {
		return commandMeaning(cmd)
	}
	if strings.ContainsAny(name, " ,") {
		return commandMeaning(name)
	}
	name, fallback, hasFallback := strings.Cut(name, ":-")
	if !hasFallback {
		name, fallback, hasFallback = strings.Cut(name, "-")
	}
	if meanings {
		if v := Meaning(name); v != "" {
			return v, true
		}
	}
	value, ok := r.lookup(in, name)
	switch {
	case meanings && name == "REGISTRY" && value == "" && !hasFallback:
		return "${REGISTRY}", true // set by the user, as in Slipway
	case ok && (value != "" || !hasFallback):
		return r.expandDeep(in, value, meanings, depth+1, budget)
	case hasFallback:
		return r.expandDeep(in, fallback, meanings, depth+1, budget)
	}
	return "", false
}
