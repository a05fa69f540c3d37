package report

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

// packages adds what the SBOMs list. If a subject has one in each format, the first counts.
func (c *collector) packages(ctx context.Context) {
	versions, subjects := map[string]map[string]bool{}, map[string]int{}
	done := map[string]bool{}
	for _, m := range c.report.Made {
		if m.Kind != "sbom" || done[m.Subject] {
			continue
		}
		done[m.Subject] = true
		file, remove, err := c.source.files.File(ctx, m)
		if err != nil {
			c.note(m.Path, err)
			continue
		}
		listed, err := listedIn(file)
		remove()
		c.note(m.Path, err)
		for name, found := range listed {
			if versions[name] == nil {
				versions[name] = map[string]bool{}
			}
			maps.Copy(versions[name], found)
			subjects[name]++
		}
	}
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		c.report.Packages = append(c.report.Packages, Software{Name: name, Versions: slices.Sorted(maps.Keys(versions[name])), Subjects: subjects[name]})
	}
}

// listedIn returns the packages of a document in SPDX or CycloneDX, with their versions. Those without a package URL, such
// as the subject itself, are left out.
func listedIn(file string) (map[string]map[string]bool, error) {
	raw, err := regular.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var document struct {
		Packages []struct {
			References []struct {
				Type    string `json:"referenceType"`
				Locator string `json:"referenceLocator"`
			} `json:"externalRefs"`
		} `json:"packages"`
		Components []struct {
			PURL string `json:"purl"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	found := map[string]map[string]bool{}
	add := func(purl string) {
		name, version := splitPURL(purl)
		if name == "" || version == "" || strings.HasPrefix(name, "oci/") { // images are compared as such
			return
		}
		if found[name] == nil {
			found[name] = map[string]bool{}
		}
		found[name][version] = true
	}
	for _, p := range document.Packages {
		for _, ref := range p.References {
			if ref.Type == "purl" {
				add(ref.Locator)
			}
		}
	}
	for _, component := range document.Components {
		add(component.PURL)
	}
	return found, nil
}

// splitPURL returns the type and name of a package URL, such as deb/debian/openssl, and its version.
func splitPURL(purl string) (name, version string) {
	rest, ok := strings.CutPrefix(purl, "pkg:")
	if !ok {
		return "", ""
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, _, _ = strings.Cut(rest, "?")
	at := strings.LastIndexByte(rest, '@') // a scope of npm is written %40
	if at < 0 {
		return unescape(rest), ""
	}
	return unescape(rest[:at]), unescape(rest[at+1:])
}

// unescape decodes %40 and the like. A text that is not encoded properly remains as it is.
func unescape(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}
