package expression

import (
	"errors"
	"strings"
	"testing"
)

func TestConditions(t *testing.T) {
	vars := map[string]string{"OS": "linux", "ARCH": "amd64", "EMPTY": "", "ZERO": "0", "NO": "false", "VERSION": "v1.36.0-rc1+rke2r1"}
	for text, want := range map[string]bool{
		`${OS}`:                              true,
		`OS`:                                 true,
		`${EMPTY}`:                           false,
		`${ZERO}`:                            false,
		`${NO}`:                              false,
		`true`:                               true,
		`!false`:                             true,
		`!!OS`:                               true,
		`${EMPTY:-x}`:                        true,
		`${OS} == "linux"`:                   true,
		`'linux' == OS`:                      true,
		`OS!="linux"`:                        false,
		`"${OS}/${ARCH}" == "linux/amd64"`:   true,
		`VERSION =~ "-rc[0-9]+"`:             true,
		`VERSION =~ "^v1\.36\.[0-9]+$"`:      false,
		`OS == "windows" || ARCH == "amd64"`: true,
		`OS == "windows" && ARCH == "amd64" || OS`:       true,
		`OS || OS && EMPTY`:                              true,
		`(OS || OS) && EMPTY`:                            false,
		`!EMPTY && !(OS == "windows" || ARCH =~ "^arm")`: true,
		`!OS == "linux"`:                                 false,
		` OS	== "linux" `:                                true,
	} {
		condition, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		resolved, good, err := condition.Resolve(func(o Operand) (Expression, bool) { return o.Value, true })
		if err != nil || !good {
			t.Errorf("%s: %v, %v", text, good, err)
		} else if got := resolved.Holds(vars); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
	if !(Condition{}).Holds(nil) {
		t.Error("an empty condition is false")
	}
}

func TestMistakesInConditions(t *testing.T) {
	for _, c := range []struct {
		text, want string
		offset     int
	}{
		{``, "ends where", 0},
		{`OS ==`, "ends where", 5},
		{`OS = "x"`, "= is not an operator", 3},
		{`OS == "x`, `missing " at the end`, 6},
		{`OS == linux-arm`, "want &&, || or the end", 11},
		{`(OS`, "missing )", 3},
		{`OS)`, "want &&, || or the end", 2},
		{`OS & ARCH`, "want &&, || or the end", 3},
		{`OS == "a" == "b"`, "want &&, || or the end", 10},
		{`${OS`, "no closing brace", 0},
		{`36 == MINOR`, `want ${NAME} or "text"`, 0},
		{`OS =~ "("`, "missing closing )", 6},
		{`OS =~ "${ARCH}"`, "contains ${ARCH}", 6},
		{strings.Repeat("(", 200), "more than 100 parentheses", 101},
		{strings.Repeat("!", 200) + "OS", "more than 100 parentheses", 101},
	} {
		condition, err := ParseCondition(c.text)
		if err == nil {
			_, _, err = condition.Resolve(func(o Operand) (Expression, bool) { return o.Value, true })
		}
		var mistake *ConditionError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), c.want) || mistake.Offset != c.offset {
			t.Errorf("%s: %v (%+v), want %q at %d", c.text, err, mistake, c.want, c.offset)
		}
	}
}
