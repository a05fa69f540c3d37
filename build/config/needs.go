package config

import (
	"fmt"
	"slices"
	"strings"
)

// Needs are the artifacts that must exist before an image is built.
type Needs struct {
	Lists   []string `yaml:"lists" json:"lists,omitempty" doc:"lists whose archives for the platform are written to dist/artifacts first"`
	Bundles []string `yaml:"bundles" json:"bundles,omitempty" doc:"names of bundles that are written to dist/artifacts first, for the platform"`
}

// needs checks the needs of images.
func (v *validator) needs() {
	var lists, bundles []string
	for name := range v.config.Airgap.Lists {
		lists = append(lists, name)
	}
	slices.Sort(lists)
	for _, b := range v.config.Bundles {
		if !slices.Contains(bundles, b.Name) {
			bundles = append(bundles, b.Name)
		}
	}
	for i, image := range v.config.Images {
		at := fmt.Sprintf("images[%d].needs", i)
		v.knownNames(at+".lists", image.Needs.Lists, lists, "list", "the lists are")
		v.knownNames(at+".bundles", image.Needs.Bundles, bundles, "bundle", "the bundles are")
	}
	v.needCircles()
}

// needCircles reports images that need a list which contains them. It reports each cycle once, at its first need.
func (v *validator) needCircles() {
	images := map[string]Image{}
	for _, image := range v.config.Images {
		images[image.Name] = image
	}
	reported := map[string]bool{} // images of cycles
	for i, image := range v.config.Images {
		seen := map[string]bool{}
		// list and own search for a path from a list, or from its own images, back to this image. They return the path,
		// or nil.
		var list func(name string) []string
		own := func(name string) []string {
			if name == image.Name {
				return []string{"image " + name}
			}
			for _, needed := range images[name].Needs.Lists {
				if trail := list(needed); trail != nil {
					return append([]string{"image " + name}, trail...)
				}
			}
			return nil
		}
		list = func(name string) []string {
			if seen[name] {
				return nil
			}
			seen[name] = true
			l := v.config.Airgap.Lists[name]
			for _, contained := range l.Images {
				if trail := own(contained); trail != nil {
					return append([]string{"list " + name}, trail...)
				}
			}
			for _, included := range l.Include {
				if trail := list(included); trail != nil {
					return append([]string{"list " + name}, trail...)
				}
			}
			return nil
		}
		for n, needed := range image.Needs.Lists {
			trail := list(needed)
			if trail == nil || reported[image.Name] {
				continue
			}
			for _, node := range trail {
				reported[strings.TrimPrefix(node, "image ")] = true
			}
			v.wrong(fmt.Sprintf("images[%d].needs.lists[%d]", i, n), "the image needs itself, in a cycle: image %s -> %s", image.Name, strings.Join(trail, " -> "))
		}
	}
}
