package proof

import (
	"errors"
	"fmt"
	"os"

	"github.com/slipway-build/slipway/images/attest/sign"
	"github.com/slipway-build/slipway/internal/fileop"
)

// GenerateKey makes a key pair, and writes its files. Files that exist are an error: a key that is lost cannot be made
// again.
func GenerateKey(private, public string, password []byte) error {
	key, encrypted, err := sign.GenerateKey(password)
	if err != nil {
		return err
	}
	if err := create(private, encrypted, 0o600); err != nil {
		return err
	}
	if err := create(public, key.PublicKey().PEM(), 0o644); err != nil {
		return errors.Join(err, fileop.Remove(private))
	}
	return nil
}

// create writes a file that must not exist.
func create(file string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("writing a key: %w", err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing a key: %w", err), fileop.Remove(file))
	}
	return nil
}
