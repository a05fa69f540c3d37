package scaffold

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/convert"
	"github.com/slipway-build/slipway/build/scaffold/draft"
)

// koImages makes the images that ko makes: one for each program.
func (p *project) koImages() {
	for _, b := range p.binaries {
		importPath := path.Join(p.module.Path, b.Package)
		p.koImage(b, &convert.Image{Base: cmp.Or(p.converted.BaseOverrides[importPath], p.converted.Base), Image: draft.Image{Variants: []draft.Variant{{}}}})
	}
}

// koImage makes an image of a program for Linux, with a Dockerfile that does the same as ko: the program is
// /ko-app/NAME, and the folder kodata beside its source is /var/run/ko.
func (p *project) koImage(b *binary, c *convert.Image) {
	i := &image{Image: &c.Image, refs: c.Refs}
	i.Name, i.Bin = imageName(b.Name), true
	if len(i.refs) > 0 {
		_, _, i.Name = splitReference(i.refs[0])
	}
	file := "Dockerfile"
	if len(p.binaries) > 1 || p.Tree.Has(file) && !strings.HasPrefix(p.Tree.Text(file), "# What ko makes of ") {
		file = imageName(b.Name) + ".Dockerfile"
	}
	text := "# What ko makes of " + b.Package + ": the base image and the program.\nFROM " + c.Base + "\n" +
		"COPY --from=bin " + b.Name + " /ko-app/" + b.Name + "\n"
	if data := path.Join(b.main.Dir, "kodata"); p.Tree.IsFolder(data) {
		text += "COPY " + data + " /var/run/ko\nENV KO_DATA_PATH=/var/run/ko\n"
	}
	text += "ENTRYPOINT [\"/ko-app/" + b.Name + "\"]\n"
	if p.Tree.Has(file) && p.Tree.Text(file) != text {
		p.remark("unsure: the image of " + b.Name + " is left out: " + file + " exists already")
		return
	}
	if !p.Tree.Has(file) {
		p.NewFiles[file] = text
	}
	v := &i.Variants[0]
	v.Dockerfile = file
	if v.Platforms = draft.OfSystem(v.Platforms, "linux"); len(v.Platforms) == 0 {
		v.Platforms = draft.OfSystem(p.Platforms, "linux")
	}
	if len(b.Platforms) > 0 {
		v.Platforms = intersection(v.Platforms, b.Platforms)
	}
	p.images = append(p.images, i)
}

// intersection returns the items of a list that another list contains.
func intersection(list, other []string) []string {
	var both []string
	for _, item := range list {
		if slices.Contains(other, item) {
			both = append(both, item)
		}
	}
	return both
}
