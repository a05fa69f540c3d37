// Package document writes inventories of software as documents: SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/) and
// CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), both in JSON.
//
// # Reproducible
//
// The bytes depend on the inventory and on the version of Slipway alone. Both standards want an identifier that no
// other document has: SPDX a namespace, CycloneDX a serial number. It is a hash of what the document depends on, with
// the digest of the subject. The time is that of the subject, or SOURCE_DATE_EPOCH.
//
// # Licences
//
// A licence that the inventory has is a name or an expression of a distribution, such as GPL-2+ or GPLv2+ and MIT. It
// becomes an SPDX expression. Names that SPDX does not know become references, LicenseRef-NAME, with the name as text.
//
// # Files
//
// In SPDX, a package CONTAINS its files, and the subject those of no package. In CycloneDX, the components of a package
// are its files.
package document
