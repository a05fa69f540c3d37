package ci

import (
	"errors"
	"os"
	"path/filepath"
)

// Files are the paths of the files that a service reads. An empty path means that the service does
// not read the file.
type Files struct {
	// Outputs receives lines of KEY=VALUE, appended: GITHUB_OUTPUT, or the dotenv report of GitLab.
	Outputs string
	// Summary receives Markdown, appended: GITHUB_STEP_SUMMARY.
	Summary string
	// CodeQuality receives the findings as JSON, and is replaced:
	// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
	CodeQuality string
	// Previous is the artifacts.json of the previous release, for the comparison in the summary.
	Previous string
	// Workspace is the folder of the checkout. Paths of findings are relative to it.
	Workspace string
}

// FromEnvironment returns the files in the variables SLIPWAY_OUTPUTS, SLIPWAY_SUMMARY,
// SLIPWAY_CODE_QUALITY and SLIPWAY_PREVIOUS. In a job of GitHub Actions, the first two default to
// GitHub's own variables.
func FromEnvironment(getenv func(string) string) Files {
	f := Files{
		Outputs: getenv("SLIPWAY_OUTPUTS"), Summary: getenv("SLIPWAY_SUMMARY"),
		CodeQuality: getenv("SLIPWAY_CODE_QUALITY"), Previous: getenv("SLIPWAY_PREVIOUS"),
		Workspace: getenv("CI_PROJECT_DIR"),
	}
	if getenv("GITHUB_ACTIONS") == "true" {
		if f.Outputs == "" {
			f.Outputs = getenv("GITHUB_OUTPUT")
		}
		if f.Summary == "" {
			f.Summary = getenv("GITHUB_STEP_SUMMARY")
		}
		f.Workspace = getenv("GITHUB_WORKSPACE")
	}
	return f
}

// appendTo appends text to a file, in one write, since several steps append to it.
func appendTo(file, text string) (err error) {
	if file == "" || text == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
