# One line per target of magefile.go; `go tool mage -l` lists them all.
# CGO_ENABLED and -trimpath are those of the release, so that mage, the tests and
# the linux binaries share one build cache instead of compiling everything twice.
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
verify:    ; $(MAGE) verify
clean:     ; $(MAGE) clean
check:     ; $(MAGE) check
# A slow laptop, or one with other work, needs more than Go's limit of 10 minutes for a package.
test:      ; @go test -json -timeout 30m ./... | go -C scripts/gotest run .

.PHONY: build binaries images linux windows package publish plan verify clean check test
