module github.com/slipway-build/slipway/scripts/gotest

go 1.26
