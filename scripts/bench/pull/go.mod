module github.com/slipway-build/slipway/scripts/bench/pull

go 1.26
