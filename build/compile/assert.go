package compile

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/slipway-build/slipway/progress"
)

// An assertion is a parsed entry of Target.Assert.
type assertion struct {
	text    string
	check   func(b *executable) error
	maxSize int64 // of max-size=, else 0
}

// assertions are the assertions without a value.
var assertions = map[string]func(*executable) error{
	"static": (*executable).static,
	"pie":    (*executable).pie,
	"fips":   (*executable).fips,
}

// ValidateAssert returns an error unless s is a valid entry of Target.Assert:
//
//	static          no dynamic linker and no shared library (ELF); no library
//	                that is not a part of Windows (PE)
//	pie             can be loaded at any address
//	fips            cryptography is from the Go Cryptographic Module at a frozen
//	                version (such as GOFIPS140=v1.0.0) with FIPS mode on, or from
//	                BoringCrypto (GOEXPERIMENT=boringcrypto, linked in)
//	max-size=20MiB  maximum size; KB, MB, GB, KiB, MiB, GiB or no unit for bytes
func ValidateAssert(s string) error {
	_, err := parseAssertion(s)
	return err
}

func parseAssertion(s string) (assertion, error) {
	if value, ok := strings.CutPrefix(s, "max-size="); ok {
		limit, err := progress.ParseBytes(value)
		if err != nil {
			return assertion{}, fmt.Errorf("assert %q: %w", s, err)
		}
		return assertion{text: s, maxSize: limit}, nil
	}
	if check, ok := assertions[s]; ok {
		return assertion{text: s, check: check}, nil
	}
	return assertion{}, fmt.Errorf("assert %q: want static, pie, fips or max-size=SIZE", s)
}

// inspect checks the binary at path against j's platform and assertions, and returns all problems.
func inspect(path string, j *job) error {
	b, err := openExecutable(path)
	if err != nil {
		return fmt.Errorf("checking the program of %s: %w", j.Package, err)
	}
	defer b.Close()
	if err := b.runsOn(j.Platform); err != nil {
		return err
	}
	var wrong []string
	for _, a := range j.asserts {
		if a.maxSize > 0 {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if info.Size() > a.maxSize {
				wrong = append(wrong, fmt.Sprintf("assert %s: its size of %d bytes is %d too large", a.text, info.Size(), info.Size()-a.maxSize))
			}
			continue
		}
		if err := a.check(b); err != nil {
			wrong = append(wrong, fmt.Sprintf("assert %s: %v", a.text, err))
		}
	}
	switch len(wrong) {
	case 0:
		return nil
	case 1:
		return errors.New(wrong[0])
	}
	return fmt.Errorf("%d assertions failed:\n%s", len(wrong), indent(strings.Join(wrong, "\n")))
}
