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
test:      ; go test ./...

.PHONY: build binaries images linux windows package publish plan verify clean check test
