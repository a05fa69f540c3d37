package ci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/progress"
)

// A finding is an entry of GitLab's Code Quality report.
type finding struct {
	Description string   `json:"description"`
	CheckName   string   `json:"check_name"`
	Fingerprint string   `json:"fingerprint"`
	Severity    string   `json:"severity"`
	Location    location `json:"location"`
}

type location struct {
	Path  string `json:"path"`
	Lines struct {
		Begin int `json:"begin"`
	} `json:"lines"`
}

// writeFindings writes the warnings, and the lines of a failure, that have a position in a file of the checkout. An
// empty report is written too, so that the service removes earlier findings.
func (f Files) writeFindings(j Job) error {
	if f.CodeQuality == "" {
		return nil
	}
	findings := []finding{}
	add := func(severity, message string) {
		place, ok := progress.PlaceOf(message)
		if !ok {
			return
		}
		file, err := filepath.Abs(place.File)
		if err != nil {
			return
		}
		below, err := filepath.Rel(f.Workspace, file)
		if err != nil || !filepath.IsLocal(below) {
			return
		}
		sum := sha256.Sum256([]byte(severity + "\x00" + message))
		found := finding{Description: message, CheckName: "slipway", Fingerprint: hex.EncodeToString(sum[:]), Severity: severity}
		found.Location.Path, found.Location.Lines.Begin = filepath.ToSlash(below), place.Line
		findings = append(findings, found)
	}
	for _, warning := range j.Warnings {
		add("minor", warning)
	}
	if j.Failure != nil {
		for line := range strings.SplitSeq(progress.Presentable(j.Failure).Error(), "\n") {
			add("major", line)
		}
	}
	content, err := json.MarshalIndent(findings, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(f.CodeQuality, append(content, '\n')); err != nil {
		return fmt.Errorf("writing the findings of the job: %w", err)
	}
	return nil
}
