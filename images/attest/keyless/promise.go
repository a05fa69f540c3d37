package keyless

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cryptoasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// promises is the extension with signed certificate timestamps: promises of a log that it will contain the certificate
// (RFC 6962, section 3.3).
var promises = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 4, 2}

// promised returns an error unless a log of certificates of the root has promised to contain the first certificate of
// the chains. A root without such a log requires none.
func promised(root *Root, chains [][]*x509.Certificate) error {
	if len(root.certLogs) == 0 {
		return nil
	}
	certificate := chains[0][0]
	list, err := promisesOf(certificate)
	if err != nil {
		return err
	}
	precert, err := withoutPromises(certificate.RawTBSCertificate)
	if err != nil {
		return err
	}
	last := errors.New("it has no promise of a log of certificates")
	for _, p := range list {
		l, err := find(root.certLogs, p.log, p.at)
		if err != nil {
			last = err
			continue
		}
		for _, chain := range chains {
			if len(chain) < 2 {
				continue
			}
			if last = l.verify(p.message(chain[1], precert), p.signature); last == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("its certificate: %w", last)
}

// A promise is a signed certificate timestamp (RFC 6962, section 3.2).
type promise struct {
	log        []byte
	millis     uint64
	at         time.Time
	extensions []byte
	signature  []byte
}

// message returns what the log signs: for a certificate that contains the promise, the certificate without it, and its
// issuer.
func (p promise) message(issuer *x509.Certificate, precert []byte) []byte {
	key := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	var b cryptobyte.Builder
	b.AddUint8(0) // version 1
	b.AddUint8(0) // certificate_timestamp
	b.AddUint64(p.millis)
	b.AddUint16(1) // precert_entry
	b.AddBytes(key[:])
	b.AddUint24LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(precert) })
	b.AddUint16LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(p.extensions) })
	return b.BytesOrPanic() // no certificate is longer than maxCertificate
}

func promisesOf(c *x509.Certificate) ([]promise, error) {
	invalid := errors.New("invalid certificate: its signed certificate timestamps cannot be read")
	var out []promise
	for _, e := range c.Extensions {
		if !e.Id.Equal(promises) {
			continue
		}
		var octets, list cryptobyte.String
		value := cryptobyte.String(e.Value)
		if !value.ReadASN1(&octets, cryptoasn1.OCTET_STRING) || !value.Empty() || !octets.ReadUint16LengthPrefixed(&list) || !octets.Empty() {
			return nil, invalid
		}
		for !list.Empty() && len(out) < maxStatements {
			var one, extensions, signature cryptobyte.String
			var version, hash, algorithm uint8
			var p promise
			if !list.ReadUint16LengthPrefixed(&one) || !one.ReadUint8(&version) || version != 0 || !one.ReadBytes(&p.log, sha256.Size) ||
				!one.ReadUint64(&p.millis) || !one.ReadUint16LengthPrefixed(&extensions) || !one.ReadUint8(&hash) || !one.ReadUint8(&algorithm) ||
				!one.ReadUint16LengthPrefixed(&signature) || !one.Empty() {
				return nil, invalid
			}
			p.at, p.extensions, p.signature = time.UnixMilli(int64(p.millis)), extensions, signature
			out = append(out, p)
		}
	}
	return out, nil
}

// withoutPromises returns the signed part of a certificate without the extension that has the promises.
func withoutPromises(tbs []byte) ([]byte, error) {
	invalid := errors.New("invalid certificate: its extensions cannot be read")
	var fields cryptobyte.String
	input := cryptobyte.String(tbs)
	if !input.ReadASN1(&fields, cryptoasn1.SEQUENCE) {
		return nil, invalid
	}
	extensions := cryptoasn1.Tag(3).ContextSpecific().Constructed()
	var b cryptobyte.Builder
	b.AddASN1(cryptoasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for !fields.Empty() {
			var field cryptobyte.String
			var tag cryptoasn1.Tag
			if !fields.ReadAnyASN1Element(&field, &tag) {
				b.SetError(invalid)
				return
			}
			if tag != extensions {
				b.AddBytes(field)
				continue
			}
			var outer, list cryptobyte.String
			if !field.ReadASN1(&outer, extensions) || !outer.ReadASN1(&list, cryptoasn1.SEQUENCE) {
				b.SetError(invalid)
				return
			}
			b.AddASN1(extensions, func(b *cryptobyte.Builder) {
				b.AddASN1(cryptoasn1.SEQUENCE, func(b *cryptobyte.Builder) { copyWithoutPromises(b, list, invalid) })
			})
		}
	})
	return b.Bytes()
}

func copyWithoutPromises(b *cryptobyte.Builder, list cryptobyte.String, invalid error) {
	for !list.Empty() {
		var element, content cryptobyte.String
		var id asn1.ObjectIdentifier
		if !list.ReadASN1Element(&element, cryptoasn1.SEQUENCE) {
			b.SetError(invalid)
			return
		}
		copied := element
		if !copied.ReadASN1(&content, cryptoasn1.SEQUENCE) || !content.ReadASN1ObjectIdentifier(&id) {
			b.SetError(invalid)
			return
		}
		if !id.Equal(promises) {
			b.AddBytes(element)
		}
	}
}
