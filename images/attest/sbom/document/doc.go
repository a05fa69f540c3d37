// Package document writes inventories of software as documents: SPDX 2.3 (https://spdx.github.io/spdx-spec/v2.3/) and
// CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/), both in JSON.
//
// # Reproducible
//
// The bytes depend only on the inventory, the options and the version of Slipway. Both standards require an identifier
// that no other document has: SPDX a namespace, CycloneDX a serial number. It is a hash of everything on which the
// document depends, including the digest of the subject. The time is that of the subject, or SOURCE_DATE_EPOCH.
//
// # Licences
//
// A licence in an inventory is a name or an expression of a distribution, such as GPL-2+ or GPLv2+ and MIT. It becomes
// an SPDX expression. Names that are not in SPDX's list become references, LicenseRef-NAME, with the name as text.
//
// # Files
//
// In SPDX, a package CONTAINS its files, and the subject contains the files that belong to no package. In CycloneDX,
// the files of a package are its components.
package document
