// Package expression implements the language of values in slipway.yaml.
//
//	${NAME}             the value of a variable
//	${NAME:-default}    the same, or default if NAME is unset or empty. default may contain variables. If NAME is not
//	                    declared, it is read from the environment
//	$$                  a dollar
//	$}                  a closing brace, in a default
//
// Every other dollar is literal, so that regular expressions and paths of Windows need no escapes. The values of
// variables are not expanded again.
//
// A condition is the language of the key when:
//
//	${NAME}, NAME       a variable: true unless it is empty, 0 or false
//	"text", 'text'      text, which may contain variables, but no escapes
//	true, false
//	a == b, a != b      equal, unequal text
//	a =~ "regexp"       a contains a match of a regular expression (https://pkg.go.dev/regexp/syntax)
//	!a, a && b, a || b  not, and, or, in this order of precedence
//	( )                 around a condition
//
// An expression is a parsed value: a list of pieces. A piece is literal text, or a variable by its name, which may have
// a default. Loading slipway.yaml replaces the variables that are known then; Expand replaces those that depend on the
// platform.
package expression
