package traces

import (
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/slipway-build/slipway/progress"
)

// A receiver collects spans by their names.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	spans    map[string]*v1.Span
	resource string
	refuse   bool
	// authorization is the header of the last request.
	authorization string
}

func receive(t *testing.T) *receiver {
	r := &receiver{spans: map[string]*v1.Span{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		raw, err := io.ReadAll(req.Body)
		var sent collector.ExportTraceServiceRequest
		if r.refuse || err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(raw, &sent) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.authorization = req.Header.Get("Authorization")
		for _, of := range sent.ResourceSpans {
			for _, a := range of.Resource.Attributes {
				r.resource += a.Key + "=" + a.Value.GetStringValue() + " "
			}
			for _, scope := range of.ScopeSpans {
				for _, span := range scope.Spans {
					r.spans[span.Name] = span
				}
			}
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// A sink counts events, and keeps warnings.
type sink struct {
	started, finished int
	warnings          []string
}

func (s *sink) Started(*progress.Task)         { s.started++ }
func (s *sink) Line(*progress.Task, string)    {}
func (s *sink) Warning(message string)         { s.warnings = append(s.warnings, message) }
func (s *sink) Finished(*progress.Task, error) { s.finished++ }

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

type digest string

func (d digest) String() string { return string(d) }

func attributes(span *v1.Span) string {
	var out []string
	for _, a := range span.GetAttributes() {
		out = append(out, a.Key+"="+strings.TrimSpace(a.Value.String()))
	}
	return strings.Join(out, " ")
}

func TestTasksAreSpansOfTheirCommand(t *testing.T) {
	r, s := receive(t), &sink{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	const parent = "4bf92f3577b34da6a3ce929d0e0e4736"
	ctx, end := Start(t.Context(), "slipway build", "v1.2.3", s, environment("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL, "TRACEPARENT", "00-"+parent+"-00f067aa0ba902b7-01"))
	task := progress.Start(ctx, "pull base")
	task.SetTotal(10)
	task.Add(7)
	task.Done(errors.New("the line broke"))
	kept := progress.Start(progress.Within(ctx, "binary acme@linux/amd64"), "compile acme")
	kept.SetCached()
	kept.SetWorker("tcp://10.0.0.5:1234")
	progress.Found(kept.Context(ctx), "type=local,src=/cache")
	kept.SetDigest(digest("sha256:abc"), nil)
	kept.SetDigest(digest("sha256:def"), errors.New("not known"))
	kept.Done(nil)
	end(errors.New("the line broke"))

	command, pull, compile := r.spans["slipway build"], r.spans["pull base"], r.spans["compile acme"]
	if command == nil || pull == nil || compile == nil {
		t.Fatalf("received %d spans: %v", len(r.spans), r.spans)
	}
	for _, span := range []*v1.Span{command, pull, compile} {
		if got := hex.EncodeToString(span.TraceId); got != parent {
			t.Errorf("%s is in the trace %s; want %s", span.Name, got, parent)
		}
	}
	if hex.EncodeToString(pull.ParentSpanId) != hex.EncodeToString(command.SpanId) || hex.EncodeToString(command.ParentSpanId) != "00f067aa0ba902b7" {
		t.Error("the spans have other parents")
	}
	if got := attributes(pull); got != "slipway.bytes=int_value:7 slipway.cached=bool_value:false slipway.bytes.total=int_value:10" {
		t.Errorf("attributes %s", got)
	}
	got := attributes(compile)
	for _, want := range []string{"slipway.cached=bool_value:true", `slipway.digest=string_value:"sha256:abc"`, `slipway.cache=string_value:"type=local,src=/cache"`,
		`slipway.worker=string_value:"tcp://10.0.0.5:1234"`, `slipway.steps=array_value:{values:{string_value:"binary acme@linux/amd64"}}`} {
		if !strings.Contains(got, want) {
			t.Errorf("attributes %s; want %s", got, want)
		}
	}
	if pull.Status.GetCode() != v1.Status_STATUS_CODE_ERROR || pull.Status.GetMessage() != "the line broke" || compile.Status.GetCode() == v1.Status_STATUS_CODE_ERROR {
		t.Errorf("status %v, %v", pull.Status, compile.Status)
	}
	if !strings.Contains(r.resource, "service.name=slipway service.version=v1.2.3") {
		t.Errorf("resource %s", r.resource)
	}
	if s.started != 2 || s.finished != 2 || len(s.warnings) > 0 {
		t.Errorf("%+v", s)
	}
}

// Headers are secrets: they are not in the environment, and errors do not repeat them.
func TestHeadersOfTheCollector(t *testing.T) {
	for _, c := range []struct {
		traces, all string
		want        map[string]string
		problem     string
	}{
		{},
		{all: "Authorization=Bearer%20abc%3D, x-team = acme", want: map[string]string{"Authorization": "Bearer abc=", "x-team": "acme"}},
		{all: "a=1", traces: "b=2=3", want: map[string]string{"b": "2=3"}},
		{all: "a=1,secret", problem: "environment OTEL_EXPORTER_OTLP_HEADERS: want NAME=VALUE,NAME=VALUE with percent-encoded values; number 2 has another form"},
		{traces: "=secret", problem: "environment OTEL_EXPORTER_OTLP_TRACES_HEADERS: want"},
		{traces: "a=%secret", problem: "environment OTEL_EXPORTER_OTLP_TRACES_HEADERS: want"},
	} {
		got, err := headersOf(environment("OTEL_EXPORTER_OTLP_HEADERS", c.all, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", c.traces))
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v: %s", c, diff)
		}
		if (err != nil) != (c.problem != "") || err != nil && (!strings.HasPrefix(err.Error(), c.problem) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	r, s := receive(t), &sink{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	ctx, end := Start(t.Context(), "slipway build", "v1", s, environment("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL, "OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc"))
	progress.Start(ctx, "a").Done(nil)
	end(nil)
	if r.authorization != "Bearer abc" || len(s.warnings) > 0 {
		t.Errorf("the collector received the header %q; warnings %q", r.authorization, s.warnings)
	}
}

// Without a collector, or with tracing disabled, no span is made.
func TestNoCollector(t *testing.T) {
	for _, env := range [][]string{
		nil,
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_SDK_DISABLED", "true"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER", "none"},
	} {
		s := &sink{}
		ctx, end := Start(t.Context(), "slipway build", "v1", s, environment(env...))
		progress.Start(ctx, "a").Done(nil)
		end(nil)
		if s.finished != 1 || len(s.warnings) > 0 {
			t.Errorf("%v: %+v", env, s)
		}
	}
}

// A collector that refuses, or that nobody can reach, is a warning.
func TestTracesThatAreNotSent(t *testing.T) {
	r := receive(t)
	r.refuse = true
	for _, c := range []struct{ address, protocol, want string }{
		{r.URL, "", "not all traces were sent: traces export: failed to send to"},
		{r.URL, "grpc", "environment OTEL_EXPORTER_OTLP_PROTOCOL=grpc: want http/protobuf"},
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.address)
		s := &sink{}
		ctx, end := Start(t.Context(), "slipway build", "v1", s, environment("OTEL_EXPORTER_OTLP_ENDPOINT", c.address, "OTEL_EXPORTER_OTLP_PROTOCOL", c.protocol))
		progress.Start(ctx, "a").Done(nil)
		end(nil)
		if len(s.warnings) != 1 || !strings.Contains(s.warnings[0], c.want) {
			t.Errorf("warnings %q; want %s", s.warnings, c.want)
		}
	}
}
