# Shortcuts for targets of magefile.go; `go tool mage -l` lists all targets.
# CGO_ENABLED and -trimpath are set as in the release, so that mage, the tests and the
# Linux binaries share one build cache.
export CGO_ENABLED = 0
export GOFLAGS = -trimpath -buildvcs=false
MAGE = go tool mage

build:     ; $(MAGE) build:all
binaries:  ; $(MAGE) build:binaries
images:    ; $(MAGE) build:images
linux:     ; $(MAGE) build:linux
windows:   ; $(MAGE) build:windows
package:   ; $(MAGE) package:all
publish:   ; $(MAGE) publish:all
plan:      ; $(MAGE) plan
why:       ; $(MAGE) why
verify:    ; $(MAGE) verify
clean:     ; $(MAGE) clean
check:     ; $(MAGE) check
# On a slow or busy machine, a package may need more than Go's default timeout of 10 minutes.
test:      ; @go test -json -timeout 30m ./... | go -C scripts/gotest run .

.PHONY: build binaries images linux windows package publish plan why verify clean check test
