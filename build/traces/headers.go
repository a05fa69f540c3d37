package traces

import (
	"fmt"
	"net/url"
	"strings"
)

// headersOf returns the headers of requests to the collector, or nil if there are none. The variables have the form
// NAME=VALUE,NAME=VALUE, with percent-encoded values (OpenTelemetry Specification, "Specifying headers via environment
// variables"). Errors do not contain the values, which are secrets.
func headersOf(getenv func(string) string) (map[string]string, error) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"} {
		text := getenv(variable)
		if text == "" {
			continue
		}
		headers := map[string]string{}
		for i, header := range strings.Split(text, ",") {
			name, value, ok := strings.Cut(header, "=")
			value, err := url.PathUnescape(strings.TrimSpace(value))
			if name = strings.TrimSpace(name); !ok || name == "" || err != nil {
				return nil, fmt.Errorf("environment %s: want NAME=VALUE,NAME=VALUE with percent-encoded values; number %d has another form", variable, i+1)
			}
			headers[name] = value
		}
		return headers, nil
	}
	return nil, nil
}
