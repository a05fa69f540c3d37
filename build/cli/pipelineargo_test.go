package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/slipway-build/slipway/internal/testfile"
)

type argoNamed struct {
	Name, Value, From, Path string
	ValueFrom               struct {
		SecretKeyRef struct {
			Name, Key string
			Optional  bool
		} `yaml:"secretKeyRef"`
	} `yaml:"valueFrom"`
}

type argoPorts struct{ Parameters, Artifacts []argoNamed }

type argoTemplate struct {
	Name            string
	Inputs, Outputs argoPorts
	DAG             struct {
		Tasks []struct {
			Name, Template, Depends string
			Arguments               argoPorts
		}
	}
	RetryStrategy struct {
		Limit, Expression string
	} `yaml:"retryStrategy"`
	Script struct {
		Command []string
		Env     []argoNamed
		Source  string
	}
}

// argo runs a workflow of Argo.
type argo struct {
	*pipelineRun
	templates map[string]argoTemplate
	artifacts map[string]string // folders, by task and name
}

// The workflow for Argo publishes what one machine would, with each script as the file has it.
func TestTheArgoWorkflowPublishesTheReleaseOfOneMachine(t *testing.T) {
	r := newPipelineRun(t)
	want := r.onOneMachine()
	r.emptyRegistry()
	var workflow struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Spec       struct {
			Entrypoint string
			Templates  []argoTemplate
		}
	}
	if err := yaml.Unmarshal([]byte(r.generate("argo", "--shards", "3")), &workflow); err != nil {
		t.Fatal(err)
	}
	if workflow.APIVersion != "argoproj.io/v1alpha1" || workflow.Kind != "Workflow" {
		t.Errorf("%s %s", workflow.APIVersion, workflow.Kind)
	}
	a := &argo{pipelineRun: r, templates: map[string]argoTemplate{}, artifacts: map[string]string{}}
	for _, template := range workflow.Spec.Templates {
		a.templates[template.Name] = template
	}
	done := map[string]bool{}
	for _, task := range a.templates[workflow.Spec.Entrypoint].DAG.Tasks {
		for need := range strings.SplitSeq(task.Depends, " && ") {
			if need != "" && !done[need] {
				t.Errorf("%s depends on %s, which comes later", task.Name, need)
			}
		}
		a.runTask(task.Name, a.templates[task.Template], task.Arguments)
		done[task.Name] = true
	}
	if len(done) != 5 {
		t.Errorf("%d tasks ran, want 3 shards, merge and publish", len(done))
	}
	r.hasReport(a.artifacts["merge.outputs.artifacts.report"])
	r.sameRelease(want)
}

func (a *argo) runTask(name string, template argoTemplate, arguments argoPorts) {
	a.t.Helper()
	for attempt := 0; ; attempt++ {
		j, status := a.attempt(name, template, arguments, attempt)
		if status == 0 {
			return
		}
		if retry := template.RetryStrategy; strconv.Itoa(attempt) == retry.Limit || retry.Expression != `lastRetry.exitCode != "2"` || status == 2 {
			a.t.Fatalf("%s: exit status %d\n%s", name, status, j.output)
		}
	}
}

var argoReference = regexp.MustCompile(`\{\{([^}]*)\}\}`)

// attempt runs a pod. Its folder /release is a folder of the job.
func (a *argo) attempt(name string, template argoTemplate, arguments argoPorts, attempt int) (*pipelineJob, int) {
	a.t.Helper()
	values := map[string]string{"workflow.parameters.repository": a.origin, "workflow.parameters.tag": releaseTag}
	for _, p := range arguments.Parameters {
		values["inputs.parameters."+p.Name] = p.Value
	}
	expand := func(text string) string {
		return argoReference.ReplaceAllStringFunc(text, func(reference string) string {
			value, ok := values[strings.Trim(reference, "{}")]
			if !ok {
				a.t.Errorf("%s: unknown %s", name, reference)
			}
			return value
		})
	}
	j := a.job(name)
	work := filepath.Join(filepath.Dir(j.home), "work")
	inPod := func(path string) string { return strings.ReplaceAll(path, "/release/", filepath.ToSlash(work)+"/") }
	if attempt > 0 {
		testfile.Write(a.t, filepath.Join(j.failed, "x"), "")
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		a.t.Fatal(err)
	}
	for i, input := range template.Inputs.Artifacts {
		from := strings.TrimSuffix(strings.TrimPrefix(arguments.Artifacts[i].From, "{{tasks."), "}}")
		if a.artifacts[from] == "" || arguments.Artifacts[i].Name != input.Name {
			a.t.Fatalf("%s: no artifact %s for %s; have %v", name, from, input.Name, a.artifacts)
		}
		copyTree(a.t, a.artifacts[from], inPod(input.Path), true, true)
	}
	env := map[string]string{}
	for _, e := range template.Script.Env {
		if env[e.Name] = expand(e.Value); e.ValueFrom.SecretKeyRef.Key != "" {
			env[e.Name] = a.secrets[e.ValueFrom.SecretKeyRef.Key]
		}
	}
	a.onlyIn(name, env, map[string][]string{
		"package": {"HOOK_TOKEN", "RELEASE_KEY"}, "merge": {"RELEASE_KEY"}, "publish": {"DOCKER_USERNAME", "DOCKER_PASSWORD"},
	}[template.Name]...)
	if got := fmt.Sprint(template.Script.Command); got != "[bash -e]" {
		a.t.Errorf("%s: command %s", name, got)
	}
	status := j.bash(inPod(template.Script.Source), work, env)
	if status == 0 {
		for _, output := range template.Outputs.Artifacts {
			a.artifacts[name+".outputs.artifacts."+output.Name] = inPod(output.Path)
		}
	}
	return j, status
}
