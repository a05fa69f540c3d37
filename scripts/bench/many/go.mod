module github.com/slipway-build/slipway/scripts/bench/many

go 1.26
