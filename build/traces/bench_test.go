package traces

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/progress"
)

// BenchmarkRun measures 1,000 tasks that do nothing: alone, with a record, and with a record and traces. It includes what
// a collector in the same process takes to receive them.
func BenchmarkRun(b *testing.B) {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	defer collector.Close()
	b.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	for _, c := range []struct {
		name             string
		recorded, traced bool
	}{{"alone", false, false}, {"recorded", true, false}, {"recorded and traced", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				ctx, end := progress.With(b.Context(), &sink{}), func(error) {}
				if c.traced {
					ctx, end = Start(b.Context(), "slipway package", "v1", &sink{}, environment("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL))
				}
				var recorder *record.Recorder
				if c.recorded {
					ctx, recorder = record.Start(ctx)
				}
				for i := range 1000 {
					task := progress.Start(progress.Within(ctx, "image acme@linux/amd64"), fmt.Sprint("layer ", i))
					task.SetDigest(digest("sha256:abc"), nil)
					task.Add(1000)
					task.Done(nil)
				}
				if c.recorded {
					run := &record.Record{Command: "slipway package"}
					recorder.End(run, nil, &redact.Secrets{}, environment())
					if err := run.WriteFile(b.TempDir() + "/record.json"); err != nil {
						b.Fatal(err)
					}
				}
				end(nil)
			}
		})
	}
}
