module github.com/slipway-build/slipway/scripts/bench/generate

go 1.26
