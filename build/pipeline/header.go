package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

// The lines of a header begin with these texts.
const (
	madeBy   = "# Generated from slipway.yaml by: "
	doNot    = "# Do not edit: change slipway.yaml or the options, and run the command again. `slipway ci --check` compares.\n"
	checksum = "# SHA-256 of the lines below: "
)

// header returns the header of a file that has body.
func header(command []string, body string) string {
	words := make([]string, len(command))
	for i, word := range command {
		if words[i] = word; !bare.MatchString(word) {
			words[i] = "'" + word + "'"
		}
	}
	return madeBy + strings.Join(words, " ") + "\n" + doNot + checksum + sum(body) + "\n"
}

// bare matches words that a shell reads as they are.
var bare = regexp.MustCompile(`^[0-9A-Za-z_@%+=:,./-]+$`)

func sum(text string) string {
	digest := sha256.Sum256([]byte(text))
	return hex.EncodeToString(digest[:])
}

// A Generated is the content of a file, read by ParseGenerated.
type Generated struct {
	// Command is the command line that wrote the file.
	Command []string
	// Edited means that the lines below the header are not those that were written.
	Edited bool
	lines  []string
}

// ParseGenerated reads a file. It returns false if the file has no header.
func ParseGenerated(text string) (Generated, bool) {
	text = strings.ReplaceAll(text, "\r\n", "\n") // git may write them so on Windows
	first, rest, _ := strings.Cut(text, "\n")
	command, ok := strings.CutPrefix(first, madeBy)
	if !ok {
		return Generated{}, false
	}
	rest, intact := strings.CutPrefix(rest, doNot)
	last, body, _ := strings.Cut(rest, "\n")
	if last != checksum+sum(body) {
		intact = false
	}
	return Generated{Command: split(command), Edited: !intact, lines: strings.Split(text, "\n")}, true
}

// split splits a command line into words, at spaces outside of single quotes.
func split(line string) (words []string) {
	quoted, word, begun := false, "", false
	for _, c := range line {
		switch {
		case c == '\'':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			if begun {
				words = append(words, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(c), true
		}
	}
	if begun {
		words = append(words, word)
	}
	return words
}
