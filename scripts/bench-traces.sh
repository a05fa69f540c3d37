#!/usr/bin/env bash
# Measures what traces cost in a run of 1,000 tasks: processor time of `slipway package` for a project with many small
# images, from an empty cache, with and without a collector of OpenTelemetry. Every run is recorded.
#
#   scripts/bench-traces.sh [ROUNDS]     default: 3
#
# go test -bench Run ./build/traces measures what the tasks themselves cost, which is less than the variation of a run.
# IMAGES is the number of images (170: each has six tasks). SLIPWAY is a program to measure instead of this checkout's.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3} images=${IMAGES:-170}
work=$(mktemp -d)
trap 'kill "$collector" 2>/dev/null || true; rm -rf "$work"' EXIT
slipway=${SLIPWAY:-$work/slipway}
[ -n "${SLIPWAY:-}" ] || CGO_ENABLED=0 go build -trimpath -o "$slipway" ./cmd/slipway

# A collector that takes everything.
cat >"$work/collector.py" <<'PY'
import http.server, sys

class Collector(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
open(sys.argv[1], "w").write(str(server.server_port))
server.serve_forever()
PY
python3 "$work/collector.py" "$work/port" &
collector=$!
until [ -s "$work/port" ]; do sleep 0.1; done

mkdir "$work/project"
{
	printf 'project: bench\nrepository: bench\nregistry: registry.example.com\nplatforms: [linux/amd64]\nimages:\n'
	for i in $(seq "$images"); do
		head -c 1000000 /dev/urandom >"$work/project/$i"
		printf 'FROM scratch\nCOPY %s /\n' "$i" >"$work/project/$i.Dockerfile"
		printf '  - {name: image%s, variants: [{platforms: [linux/amd64], dockerfile: %s.Dockerfile}]}\n' "$i" "$i"
	done
	printf 'airgap:\n  level: fastest\n  lists:\n'
	for i in $(seq "$images"); do printf '    list%s: {images: [image%s]}\n' "$i" "$i"; done
} >"$work/project/slipway.yaml"

measure() { # NAME [VARIABLE=VALUE]
	local name=$1
	shift
	rm -rf "$work/cache" "$work/project/dist"
	env "$@" SLIPWAY_CACHE="$work/cache" SLIPWAY_RECORD="$work/record.json" TAG=v1.0.0 SOURCE_DATE_EPOCH=1700000000 \
		/usr/bin/time -f "%U %S %e" -o "$work/time" "$slipway" package --progress none --config "$work/project/slipway.yaml" >"$work/out"
	printf '%-10s %s s user, %s s system, %s s in all; %s tasks\n' "$name" $(cat "$work/time") "$(grep -o '"lane"' "$work/record.json" 2>/dev/null | wc -l)"
}

for _ in $(seq "$rounds"); do
	measure without
	measure with OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(cat "$work/port")"
done
