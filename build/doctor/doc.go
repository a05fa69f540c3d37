// Package doctor looks at everything that a release needs, before anything is made: tools, disks, secrets, registries,
// destinations and engines.
//
// An examination is one run. It consists of checks, each with a name, such as tools or disk. A Diagnosis is one finding
// of a check: an error would stop the release or make it wrong, a warning may, and a note is worth knowing. The remedy says
// what to do.
//
// An examination makes nothing, and writes nothing outside the cache.
package doctor
