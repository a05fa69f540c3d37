package cli

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/testfile"
)

type gitlabJob struct {
	Extends, Stage string
	Variables      map[string]string
	Script         []string
	BeforeScript   yaml.Node `yaml:"before_script"`
	AfterScript    []string  `yaml:"after_script"`
	Cache          struct {
		Key   string
		Paths []string
	}
	Artifacts struct {
		Paths   []string
		Reports map[string]string
	}
	Rules []struct{ If string }
	Retry struct {
		Max       int
		ExitCodes []int `yaml:"exit_codes"`
	}
}

// gitlab runs a pipeline of GitLab CI.
type gitlab struct {
	*pipelineRun
	variables map[string]string
	jobs      map[string]gitlabJob
	artifacts string // the files that all later jobs get
	caches    string
}

// The pipeline for GitLab publishes what one machine would, with each script as the file has it.
func TestTheGitLabPipelinePublishesTheReleaseOfOneMachine(t *testing.T) {
	r := newPipelineRun(t)
	want := r.onOneMachine()
	r.emptyRegistry()
	text := r.generate("gitlab", "--shards", "3")
	g := &gitlab{pipelineRun: r, jobs: map[string]gitlabJob{}, artifacts: t.TempDir(), caches: t.TempDir()}
	var nodes map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(text), &nodes); err != nil {
		t.Fatal(err)
	}
	var stages []string
	for name, node := range nodes {
		var err error
		switch name {
		case "stages":
			err = node.Decode(&stages)
		case "variables":
			err = node.Decode(&g.variables)
		default:
			var job gitlabJob
			err = node.Decode(&job)
			g.jobs[name] = job
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	ran := 0
	for _, stage := range stages {
		for _, name := range slices.Sorted(maps.Keys(g.jobs)) {
			if !strings.HasPrefix(name, ".") && g.extended(name).Stage == stage {
				g.runJob(name)
				ran++
			}
		}
	}
	if ran != 5 {
		t.Errorf("%d jobs ran, want 3 shards, merge and publish", ran)
	}
	r.hasReport(filepath.Join(g.artifacts, "slipway-report.html"))
	r.sameRelease(want)
}

// extended returns a job with what it extends.
func (g *gitlab) extended(name string) gitlabJob {
	job := g.jobs[name]
	if job.Extends == "" {
		return job
	}
	base := g.extended(job.Extends)
	if job.Stage == "" {
		job.Stage = base.Stage
	}
	if job.Script == nil {
		job.Script = base.Script
	}
	if job.BeforeScript.IsZero() {
		job.BeforeScript = base.BeforeScript
	}
	if job.AfterScript == nil {
		job.AfterScript = base.AfterScript
	}
	if job.Cache.Key == "" {
		job.Cache = base.Cache
	}
	if job.Artifacts.Paths == nil {
		job.Artifacts.Paths = base.Artifacts.Paths
	}
	job.Rules, job.Retry = base.Rules, base.Retry
	return job
}

// lines returns the lines of before_script, with those that it refers to.
func (g *gitlab) lines(node yaml.Node) (lines []string) {
	for _, item := range node.Content {
		if item.Tag == "!reference" {
			lines = append(lines, g.lines(g.jobs[item.Content[0].Value].BeforeScript)...)
			continue
		}
		lines = append(lines, item.Value)
	}
	return lines
}

func (g *gitlab) runJob(name string) {
	g.t.Helper()
	job := g.extended(name)
	pattern, ok := strings.CutPrefix(job.Rules[0].If, "$CI_COMMIT_TAG =~ /")
	if !ok || !regexp.MustCompile(strings.ReplaceAll(strings.TrimSuffix(pattern, "/"), `\/`, "/")).MatchString(releaseTag) {
		g.t.Errorf("%s does not run for %s: %s", name, releaseTag, job.Rules[0].If)
	}
	for attempt := 0; ; attempt++ {
		j, status := g.attempt(name, job, attempt)
		if status == 0 {
			return
		}
		if attempt == job.Retry.Max || !slices.Contains(job.Retry.ExitCodes, status) {
			g.t.Fatalf("%s: exit status %d\n%s", name, status, j.output)
		}
	}
}

// attempt runs a job once, in folders of its own.
func (g *gitlab) attempt(name string, job gitlabJob, attempt int) (*pipelineJob, int) {
	g.t.Helper()
	j := g.job(name)
	j.clone()
	if attempt > 0 {
		testfile.Write(g.t, filepath.Join(j.failed, "x"), "")
	}
	// GitLab gives all variables of the project to all jobs, but for those that are limited to an environment.
	env := map[string]string{"CI_PROJECT_DIR": j.workspace, "CI_COMMIT_TAG": releaseTag}
	for secret, value := range g.secrets {
		if docker := strings.HasPrefix(secret, "DOCKER_"); docker == (name == "publish") {
			env[secret] = value
		}
	}
	for _, variables := range []map[string]string{g.variables, job.Variables} {
		for variable, value := range variables {
			env[variable] = os.Expand(value, func(n string) string { return env[n] })
		}
	}
	delete(env, "GOCACHE") // compiling the standard library again proves nothing
	delete(env, "GOMODCACHE")
	copyTree(g.t, g.artifacts, j.workspace, true, true)
	cache := filepath.Join(g.caches, os.Expand(job.Cache.Key, func(n string) string { return env[n] }))
	for _, path := range job.Cache.Paths {
		if _, err := os.Stat(filepath.Join(cache, path)); err == nil {
			copyTree(g.t, filepath.Join(cache, path), filepath.Join(j.workspace, path), true, true)
		}
	}
	status := j.bash(strings.Join(append(g.lines(job.BeforeScript), job.Script...), "\n"), j.workspace, env)
	if after := j.bash(strings.Join(job.AfterScript, "\n"), j.workspace, env); after != 0 {
		g.t.Errorf("%s: the exit status of after_script is %d\n%s", name, after, j.output)
	}
	for _, path := range job.Cache.Paths {
		copyTree(g.t, filepath.Join(j.workspace, path), filepath.Join(cache, path), true, true)
	}
	if status != 0 {
		return j, status
	}
	for _, path := range job.Artifacts.Paths {
		copyTree(g.t, filepath.Join(j.workspace, path), filepath.Join(g.artifacts, path), true, true)
	}
	for _, report := range job.Artifacts.Reports {
		if data, err := os.ReadFile(filepath.Join(j.workspace, report)); err != nil || !strings.Contains(string(data), "tag="+releaseTag) {
			g.t.Errorf("%s: the report %s: %q, %v", name, report, data, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(j.workspace)); err != nil || name != "publish" && name != "merge" && len(entries) != 1 {
		g.t.Errorf("%s leaves %s beside its folder: %v", name, fmt.Sprint(entries), err)
	}
	return j, 0
}
