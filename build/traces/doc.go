// Package traces sends what a command did, and when, to a collector of OpenTelemetry.
//
// A command is a span, and each of its tasks (package progress) is a span in it, with its bytes and whether its result was
// cached. The collector is named by the variables of OpenTelemetry, OTEL_EXPORTER_OTLP_ENDPOINT and its relatives
// (OpenTelemetry Specification, "OpenTelemetry Protocol Exporter"). Without one, nothing is recorded. The trace continues
// that of TRACEPARENT, if a CI service sets it (OpenTelemetry Specification, "Environment Variables as Context Propagation
// Carriers").
package traces
