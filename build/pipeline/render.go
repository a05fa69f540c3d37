package pipeline

import (
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

//go:embed templates
var templates embed.FS

// body returns the file without its header.
func (p *pipeline) body() (string, error) {
	t, err := template.New(p.Service).Funcs(template.FuncMap{
		"yaml": scalar, "secret": p.secret,
	}).ParseFS(templates, "templates/*")
	if err != nil {
		return "", err
	}
	var body strings.Builder
	if err := t.ExecuteTemplate(&body, p.Service+".yaml", p); err != nil {
		return "", fmt.Errorf("writing the pipeline for %s: %w", p.Service, err)
	}
	return body.String(), nil
}

// scalar returns a text as a YAML value.
func scalar(text string) string {
	if plainValue.MatchString(text) {
		return text
	}
	quoted, _ := json.Marshal(text) // a text can be marshaled; YAML contains JSON
	return string(quoted)
}

// plainValue matches texts that YAML reads as they are, and as texts.
var plainValue = regexp.MustCompile(`^[A-Za-z][0-9A-Za-z._/-]*( [0-9A-Za-z._/@-]+)*$`)

// secret returns the value of a secret in a workflow of GitHub. A job has a token for its own repository and for
// ghcr.io; a secret of the same purpose takes precedence.
func (p *pipeline) secret(name string) string {
	token := "github.token"
	switch {
	case name == "GITHUB_TOKEN":
		return "${{ secrets.RELEASE_TOKEN || github.token }}"
	case name == "GHCR_IO_USERNAME", p.Own == "ghcr.io" && name == "DOCKER_USERNAME":
		token = "github.actor"
	case name == "GHCR_IO_PASSWORD", p.Own == "ghcr.io" && name == "DOCKER_PASSWORD":
	default:
		return "${{ secrets." + name + " }}"
	}
	return "${{ secrets." + name + " || " + token + " }}"
}

// GHCR reports whether publish writes to GitHub's registry.
func (p *pipeline) GHCR() bool { return slices.Contains(p.Registries, "ghcr.io") }

// GitLabRegistry reports whether DOCKER_USERNAME is for the registry of a GitLab, whose jobs have credentials for it.
func (p *pipeline) GitLabRegistry() bool { return strings.HasPrefix(p.Own, "registry.gitlab.") }

// Globs returns the tags that start a workflow of GitHub, as its filter patterns.
func (p *pipeline) Globs() string {
	if p.defaultPattern() {
		return p.TagPrefix + "v?[0-9]+.[0-9]+.[0-9]+**"
	}
	literal := ""
	if pattern, err := regexp.Compile(strings.TrimPrefix(p.TagPattern, "^")); err == nil && strings.HasPrefix(p.TagPattern, "^") {
		literal, _ = pattern.LiteralPrefix()
	}
	if !plain.MatchString(literal) {
		literal = ""
	}
	return p.TagPrefix + literal + "**"
}

// TagExpression returns the tags that start a pipeline of GitLab, as a regular expression between slashes.
func (p *pipeline) TagExpression() string {
	escaped := func(pattern string) string { return "/" + strings.ReplaceAll(pattern, "/", `\/`) + "/" }
	switch {
	case p.TagPrefix != "":
		return escaped("^" + regexp.QuoteMeta(p.TagPrefix))
	case p.defaultPattern():
		return escaped(`^v?\d+\.\d+\.\d+`)
	}
	return escaped(p.TagPattern)
}

// Again returns the script that runs a command of Slipway, and once more after a minute if it fails with status 1. What
// the first run has made is kept. Status 2 is a mistake that a second run does not mend.
func (p *pipeline) Again(command string) string {
	line := p.Options.Slipway + " " + command
	return line + " || { [ $? -eq 1 ] && sleep 60 && " + line + "; }"
}

// A setting is a variable of a job with its value.
type setting struct{ Name, Value string }

// SecretsOf returns secrets as the variables of a step of GitHub.
func (p *pipeline) SecretsOf(names []string) (secrets []setting) {
	for _, name := range names {
		secrets = append(secrets, setting{name, p.secret(name)})
	}
	return secrets
}

// RunnerLabels returns the labels of Runner.
func (p *pipeline) RunnerLabels() []string { return strings.Split(p.Runner, ",") }

// Folder returns the folder of slipway.yaml in the repository, or "".
func (p *pipeline) Folder() string { return strings.TrimSuffix(p.Dir, "/") }

// FilePath returns the path of the file in the repository.
func (p *pipeline) FilePath() string { return cmp.Or(p.File, DefaultFile(p.Service)) }

// PublishAndLogins returns the secrets of publish, with those of its logins.
func (p *pipeline) PublishAndLogins() []string {
	all := slices.Clone(p.Publish)
	for _, l := range p.Logins {
		all = append(all, l.Username, l.Password)
	}
	return all
}

// A pod is what the templates of Argo for all pods need.
type pod struct {
	Arch    string
	Seconds int
}

// Pod returns the limits of a pod on nodes of an architecture.
func (p *pipeline) Pod(arch string) pod { return pod{arch, 60 * p.Minutes} }

// An environment is the environment of a pod.
type environment struct {
	Project            string
	Variables, Secrets []string
}

// EnvOf returns the environment of a pod with secrets. Argo has no identity of its own: a token is a secret like others.
func (p *pipeline) EnvOf(secrets []string) environment {
	return environment{p.Project, p.Variables, secrets}
}
