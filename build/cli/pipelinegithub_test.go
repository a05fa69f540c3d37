package cli

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/testfile"
)

type githubWorkflow struct {
	Env      map[string]string
	Defaults struct{ Run struct{ Shell string } }
	Jobs     map[string]githubJob
}

type githubJob struct {
	Needs, If   string
	Permissions map[string]string
	Strategy    struct {
		Matrix struct{ Include []map[string]any }
	}
	Steps []struct {
		Name, Uses, Run string
		With            map[string]any
		Env             map[string]string
	}
}

// github runs a workflow of GitHub Actions.
type github struct {
	*pipelineRun
	workflow  githubWorkflow
	artifacts map[string]string // folders by name
	caches    map[string]string // folders by key
	stored    string
	temp      string // of the current job
}

// The workflow for GitHub publishes what one machine would, with each step as the file has it.
func TestTheGitHubWorkflowPublishesTheReleaseOfOneMachine(t *testing.T) {
	r := newPipelineRun(t)
	want := r.onOneMachine()
	r.emptyRegistry()
	g := &github{pipelineRun: r, artifacts: map[string]string{}, caches: map[string]string{}, stored: t.TempDir()}
	if err := yaml.Unmarshal([]byte(r.generate("github", "--shards", "3")), &g.workflow); err != nil {
		t.Fatal(err)
	}
	done := map[string]bool{}
	for range g.workflow.Jobs {
		for _, name := range slices.Sorted(maps.Keys(g.workflow.Jobs)) {
			if job := g.workflow.Jobs[name]; !done[name] && (job.Needs == "" || done[job.Needs]) {
				g.runJob(name, job)
				done[name] = true
			}
		}
	}
	if len(g.artifacts) != 8 || len(g.caches) != 3 {
		t.Errorf("artifacts %v, caches %v; want those of 3 shards with their records, of the merge, and the report", g.artifacts, g.caches)
	}
	r.hasReport(filepath.Join(g.artifacts["report"], "slipway-report.html"))
	r.sameRelease(want)
}

func (g *github) runJob(name string, job githubJob) {
	g.t.Helper()
	if job.If != "" && g.evaluate(job.If, nil) != "true" {
		g.t.Errorf("%s does not run: %s", name, job.If)
	}
	legs := job.Strategy.Matrix.Include
	if legs == nil {
		legs = []map[string]any{nil}
	}
	for _, leg := range legs {
		g.runLeg(name, job, leg)
	}
}

func (g *github) runLeg(name string, job githubJob, matrix map[string]any) {
	g.t.Helper()
	j := g.job(fmt.Sprint(name, matrix["name"]))
	files := g.t.TempDir()
	added, temp := filepath.Join(files, "env"), filepath.ToSlash(filepath.Join(files, "temp"))
	g.temp = temp
	inWorkspace := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(j.workspace, path)
	}
	testfile.Write(g.t, added, "")
	var after []func()
	for _, step := range job.Steps {
		with := map[string]string{}
		for key, value := range step.With {
			with[key] = g.expand(fmt.Sprint(value), matrix)
		}
		action, version, _ := strings.Cut(step.Uses, "@")
		if step.Uses != "" && !regexp.MustCompile(`^[0-9a-f]{40}$`).MatchString(version) {
			g.t.Errorf("%s: the version of an action is a commit, which nobody can move", step.Uses)
		}
		switch action {
		case "":
			env := g.environment(step.Env, matrix, added)
			env["GITHUB_ENV"], env["GITHUB_OUTPUT"], env["GITHUB_ACTIONS"] = added, filepath.Join(files, "output"), "true"
			env["RUNNER_TEMP"] = temp
			switch step.Name {
			case "Package":
				g.onlyIn(j.name, env, "HOOK_TOKEN", "RELEASE_KEY")
			case "Merge", "Verify":
				g.onlyIn(j.name, env, "RELEASE_KEY")
			case "Publish":
				g.onlyIn(j.name, env, "DOCKER_USERNAME", "DOCKER_PASSWORD")
			default:
				g.onlyIn(j.name, env)
			}
			if status := j.bash(step.Run, j.workspace, env); status != 0 {
				g.t.Fatalf("%s, %s: exit status %d\n%s", j.name, step.Name, status, j.output)
			}
		case "actions/checkout":
			if with["fetch-depth"] != "0" || with["persist-credentials"] != "false" {
				g.t.Errorf("%s: checkout with %v", j.name, with)
			}
			j.clone()
		case "actions/setup-go":
			if _, err := os.Stat(filepath.Join(j.workspace, with["go-version-file"])); err != nil {
				g.t.Error(err)
			}
		case "actions/cache":
			after = append(after, g.cache(j, with))
		case "actions/upload-artifact":
			to := filepath.Join(g.stored, with["name"])
			if g.artifacts[with["name"]] != "" {
				g.t.Errorf("%s: the artifact %s exists", j.name, with["name"])
			}
			if _, err := os.Stat(inWorkspace(with["path"])); err == nil && filepath.Ext(with["path"]) != "" {
				to = filepath.Join(to, filepath.Base(with["path"]))
			}
			copyTree(g.t, inWorkspace(with["path"]), to, with["include-hidden-files"] == "true", false)
			g.artifacts[with["name"]] = filepath.Join(g.stored, with["name"])
		case "actions/download-artifact":
			g.download(inWorkspace(with["path"]), with)
		default:
			g.t.Fatalf("%s: the action %s is not emulated", j.name, step.Uses)
		}
	}
	for _, save := range after {
		save()
	}
}

// cache restores a cache, and returns what saves it after the job.
func (g *github) cache(j *pipelineJob, with map[string]string) func() {
	dir := filepath.Join(j.home, strings.TrimPrefix(strings.Fields(with["path"])[0], "~/"))
	for _, key := range slices.Sorted(maps.Keys(g.caches)) {
		if key == with["key"] || strings.HasPrefix(key, with["restore-keys"]) {
			copyTree(g.t, g.caches[key], dir, true, true)
		}
	}
	return func() {
		to := filepath.Join(g.stored, "cache", with["key"])
		copyTree(g.t, dir, to, true, true)
		g.caches[with["key"]] = to
	}
}

func (g *github) download(to string, with map[string]string) {
	for name, dir := range g.artifacts {
		if ok, err := path.Match(with["pattern"], name); err != nil || name != with["name"] && !ok {
			continue
		}
		if with["name"] == "" && with["merge-multiple"] != "true" {
			copyTree(g.t, dir, filepath.Join(to, name), true, false)
		} else {
			copyTree(g.t, dir, to, true, false)
		}
	}
}

// environment returns the variables of a step.
func (g *github) environment(step map[string]string, matrix map[string]any, added string) map[string]string {
	env := map[string]string{}
	for name, value := range g.workflow.Env {
		env[name] = g.expand(value, matrix)
	}
	data, err := os.ReadFile(added)
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	for name, value := range step {
		env[name] = g.expand(value, matrix)
	}
	return env
}

var githubExpression = regexp.MustCompile(`\$\{\{ (.*?) \}\}`)

func (g *github) expand(text string, matrix map[string]any) string {
	return githubExpression.ReplaceAllStringFunc(text, func(m string) string {
		return g.evaluate(githubExpression.FindStringSubmatch(m)[1], matrix)
	})
}

// evaluate evaluates the expressions that workflows have: a || b, a && b, a == b, 'text' and names.
func (g *github) evaluate(expression string, matrix map[string]any) string {
	for _, alternative := range strings.Split(expression, " || ") {
		value := ""
		for _, operand := range strings.Split(alternative, " && ") {
			if left, right, ok := strings.Cut(operand, " == "); ok {
				value = ""
				if g.evaluate(left, matrix) == g.evaluate(right, matrix) {
					value = "true"
				}
			} else {
				value = g.lookup(operand, matrix)
			}
			if value == "" {
				break
			}
		}
		if value != "" {
			return value
		}
	}
	return ""
}

func (g *github) lookup(operand string, matrix map[string]any) string {
	if text, ok := strings.CutPrefix(operand, "'"); ok {
		return strings.TrimSuffix(text, "'")
	}
	context, name, _ := strings.Cut(operand, ".")
	switch context {
	case "matrix":
		return fmt.Sprint(matrix[name])
	case "runner":
		if name == "temp" {
			return g.temp
		}
	case "secrets":
		return g.secrets[name]
	case "github":
		value, ok := map[string]string{"ref_type": "tag", "ref_name": releaseTag, "sha": "a-commit", "token": "a token", "actor": "someone"}[name]
		if ok {
			return value
		}
	}
	g.t.Fatalf("the expression %s is not emulated", operand)
	return ""
}
