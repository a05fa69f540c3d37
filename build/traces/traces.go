package traces

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// endTimeout limits how long a command waits for a collector that does not answer.
const endTimeout = 5 * time.Second

// maxSpans is the maximum number of spans that wait to be sent. The SDK silently drops those that are more.
const maxSpans = 1 << 16

// Start begins the span of a command, such as "slipway build", and returns a context whose tasks are spans in it, and are
// reported to next as well. end ends the span, with the error of the command, and sends what is left. It never fails: a
// collector that does not take the spans is a warning. getenv finds the headers of requests, which are secrets and not in
// the environment; the exporter itself reads the other variables there.
func Start(ctx context.Context, command, version string, next progress.Sink, getenv func(string) string) (_ context.Context, end func(error)) {
	ctx = progress.With(ctx, next)
	if !wanted(getenv) {
		return ctx, func(error) {}
	}
	exporter, err := newExporter(ctx, getenv)
	var about *resource.Resource
	if err == nil {
		// OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence.
		about, err = resource.New(ctx,
			resource.WithAttributes(attribute.String("service.name", "slipway"), attribute.String("service.version", cmp.Or(version, "dev"))),
			resource.WithFromEnv())
	}
	if err != nil {
		next.Warning("no traces are sent: " + redact.Text(err.Error()))
		return ctx, func(error) {}
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(maxSpans)), sdktrace.WithResource(about))
	carrier := propagation.MapCarrier{"traceparent": getenv("TRACEPARENT"), "tracestate": getenv("TRACESTATE")}
	ctx = propagation.TraceContext{}.Extract(ctx, carrier)
	tracer := provider.Tracer("github.com/slipway-build/slipway", trace.WithInstrumentationVersion(version))
	ctx, span := tracer.Start(ctx, command)
	r := &recorder{Sink: next, ctx: ctx, tracer: tracer, spans: map[*progress.Task]trace.Span{}}
	return progress.With(ctx, r), func(failure error) {
		endSpan(span, failure)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		if err := errors.Join(provider.Shutdown(ctx), exporter.failure()); err != nil {
			next.Warning("not all traces were sent: " + redact.Text(err.Error()))
		}
	}
}

// wanted reports whether a collector is named and tracing is not disabled.
func wanted(getenv func(string) string) bool {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") || getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

// An exporter keeps the first error of another one, which the SDK would print.
type exporter struct {
	sdktrace.SpanExporter

	mu    sync.Mutex
	first error
}

func newExporter(ctx context.Context, getenv func(string) string) (*exporter, error) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := getenv(name); protocol != "" {
			if protocol != "http/protobuf" {
				return nil, fmt.Errorf("environment %s=%s: want http/protobuf, which collectors take at port 4318", name, protocol)
			}
			break
		}
	}
	var options []otlptracehttp.Option
	headers, err := headersOf(getenv)
	if err != nil {
		return nil, err
	}
	if headers != nil {
		options = append(options, otlptracehttp.WithHeaders(headers))
	}
	http, err := otlptracehttp.New(ctx, options...)
	return &exporter{SpanExporter: http}, err
}

func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.mu.Lock()
		e.first = cmp.Or(e.first, err)
		e.mu.Unlock()
	}
	return nil
}

func (e *exporter) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.first
}

// A recorder makes a span of each task.
type recorder struct {
	progress.Sink
	ctx    context.Context // has the span of the command
	tracer trace.Tracer

	mu    sync.Mutex
	spans map[*progress.Task]trace.Span
}

func (r *recorder) Started(t *progress.Task) {
	_, span := r.tracer.Start(r.ctx, t.Name)
	r.mu.Lock()
	r.spans[t] = span
	r.mu.Unlock()
	r.Sink.Started(t)
}

func (r *recorder) Finished(t *progress.Task, err error) {
	r.mu.Lock()
	span := r.spans[t]
	delete(r.spans, t)
	r.mu.Unlock()
	done, total := t.Bytes()
	span.SetAttributes(attribute.Int64("slipway.bytes", done), attribute.Bool("slipway.cached", t.Cached()))
	if total > 0 {
		span.SetAttributes(attribute.Int64("slipway.bytes.total", total))
	}
	for name, value := range map[string]string{"slipway.digest": t.Digest(), "slipway.cache": t.From(), "slipway.worker": t.Worker()} {
		if value != "" {
			span.SetAttributes(attribute.String(name, value))
		}
	}
	if len(t.Steps) > 0 {
		span.SetAttributes(attribute.StringSlice("slipway.steps", t.Steps))
	}
	endSpan(span, err)
	r.Sink.Finished(t, err)
}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, redact.Text(err.Error()))
	}
	span.End()
}
