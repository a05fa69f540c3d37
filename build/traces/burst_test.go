package traces

import (
	"fmt"
	"testing"

	"github.com/slipway-build/slipway/progress"
)

// A run may find thousands of steps up to date within a moment, faster than a collector takes their spans.
func TestNoSpanOfABurstIsLost(t *testing.T) {
	r, s := receive(t), &sink{}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL)
	ctx, end := Start(t.Context(), "slipway package", "v1", s, environment("OTEL_EXPORTER_OTLP_ENDPOINT", r.URL))
	for i := range 10_000 {
		progress.Start(ctx, fmt.Sprint("layer ", i)).Done(nil)
	}
	end(nil)
	if len(r.spans) != 10_001 || len(s.warnings) > 0 {
		t.Errorf("the collector received %d spans; want 10001; warnings %q", len(r.spans), s.warnings)
	}
}
