module github.com/slipway-build/slipway

go 1.26.0

tool github.com/magefile/mage

require (
	github.com/google/go-containerregistry v0.21.7 // indirect
	github.com/magefile/mage v1.17.2 // indirect
)
