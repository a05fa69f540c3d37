package sign

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/slipway-build/slipway/internal/process"
)

// maxOutput is the number of bytes that a signing command may print. A signature of a P-521 key has 139 bytes, one of
// an RSA key of 8192 bits has 1024.
const maxOutput = 16 << 10

// A Command is a Signer that is another program, such as one that uses a key of an HSM or of a KMS. It reads the bytes
// to sign from stdin, and writes the signature to stdout: its bytes, or their base64, as
// "openssl dgst -sha256 -sign KEY" does. An ECDSA signature is in ASN.1 DER form. The bytes to sign are those of a file,
// or the pre-authentication encoding of an envelope.
type Command struct {
	// Args are the program and its arguments. Errors contain only the name of the program.
	Args []string
	// Env is the whole environment of the program.
	Env []string
	// Dir is its working folder. Default: that of this process.
	Dir string
	// Public is the public half of the key. A signature that it does not verify is an error.
	Public *PublicKey
	// Limit is how long one signature may take.
	Limit time.Duration
}

// PublicKey returns Public.
func (c *Command) PublicKey() *PublicKey { return c.Public }

// sign implements Signer. The output of the program may contain secrets, such as a key, so errors do not contain it.
func (c *Command) sign(ctx context.Context, m Message, input []byte) ([]byte, error) {
	expired := fmt.Errorf("%s did not end within %s", c.Args[0], c.Limit)
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, expired)
	defer cancel()
	cmd := process.Command(ctx, c.Args[0], c.Args[1:]...)
	cmd.Env, cmd.Dir = c.Env, c.Dir
	content, err := m.open()
	if err != nil {
		return nil, err
	}
	defer content.Close() // ignore error: read-only
	cmd.Stdin = content
	output := &limited{left: maxOutput}
	cmd.Stdout, cmd.Stderr = output, io.Discard
	if err := process.Run(ctx, cmd); err != nil {
		if errors.Is(err, expired) || errors.Is(err, process.ErrNotFound) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w (its output is not shown, because it may contain secrets)", c.Args[0], err)
	}
	if output.left < 0 {
		return nil, fmt.Errorf("%s printed more than %d bytes: want a signature and nothing else", c.Args[0], maxOutput)
	}
	for _, signature := range candidates(output.kept.Bytes()) {
		if c.Public.verify(c.Public.scheme(), input, signature) == nil {
			return signature, nil
		}
	}
	return nil, fmt.Errorf("%s printed %d bytes that are not a signature by the public key (SHA-256 %s)", c.Args[0], output.kept.Len(), c.Public.hint)
}

// candidates returns the possible signatures in output.
func candidates(output []byte) [][]byte {
	found := [][]byte{output}
	if decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(output))); err == nil {
		found = append(found, decoded)
	}
	return found
}

// limited keeps the first bytes that are written, and reads the others, so that the program does not block.
type limited struct {
	kept bytes.Buffer // not embedded: it would read past left by ReadFrom
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left >= 0 {
		l.kept.Write(p)
	}
	return len(p), nil
}
