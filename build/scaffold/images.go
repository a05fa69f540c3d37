package scaffold

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/build/scaffold/convert"
	"github.com/slipway-build/slipway/build/scaffold/draft"
	"github.com/slipway-build/slipway/build/scaffold/survey"
)

// An image is an image of the project, and its origin.
type image struct {
	*draft.Image
	refs   []string // references without tags
	extra  []string // files, besides the binaries, that its Dockerfile copies
	staged bool     // the context of another tool has only the binaries and extra
}

// imageFolders are folders whose Dockerfiles belong to the project. Dockerfiles in other folders belong to a module or
// a main package.
var imageFolders = []string{".", "package", "build", "docker", "build/package", "build/docker", "deploy", "deploy/docker", "dockerfiles", "deployments", "container", "containers"}

// findImages makes an image for each Dockerfile. Dockerfiles for Linux and Windows with the same name become one image.
func (p *project) findImages() {
	for _, i := range p.converted.Images {
		p.convertedImage(i)
	}
	if p.converted.Base != "" {
		p.koImages()
	} else if len(p.converted.Images) == 0 {
		p.dockerfileImages()
	}
	p.windowsNames()
}

// convertedImage completes an image from another tool's file.
func (p *project) convertedImage(c *convert.Image) {
	v := c.Variants[0]
	if c.Base != "" {
		if i := slices.IndexFunc(p.binaries, func(b *binary) bool { return b.Binary == c.Program }); i >= 0 {
			p.koImage(p.binaries[i], c)
		}
		return
	}
	if !p.Tree.IsFile(v.Dockerfile) {
		p.remark(fmt.Sprintf("unsure: the image of %s is left out: %s lists it, but it is not in the checkout", v.Dockerfile, p.From))
		return
	}
	d, err := survey.ReadDockerfile(p.Tree, v.Dockerfile)
	if err != nil {
		p.remark("unsure: an image is left out: " + err.Error())
		return
	}
	build := &survey.ImageBuild{Where: p.From, Dockerfile: d.File, Args: v.Args, Names: c.Refs, Platforms: v.Platforms, Context: v.Context, Target: v.Target}
	i := &image{Image: &c.Image, extra: c.Extra, staged: c.Staged}
	i.Variants = nil
	i.Name = cmp.Or(i.Name, p.imageNameOf(d))
	p.variant(i, d, build)
	p.images = append(p.images, i)
}

// dockerfileImages makes images for the Dockerfiles of the tree that are released.
func (p *project) dockerfileImages() {
	builds := p.Recipes.ImageBuilds(p.Tree, p.Origin)
	byName := map[string]*image{}
	for _, file := range p.Tree.Files {
		if !survey.IsDockerfile(path.Base(file)) {
			continue
		}
		d, err := survey.ReadDockerfile(p.Tree, file)
		if err != nil {
			p.remark("unsure: an image is left out: " + err.Error())
			continue
		}
		build, others := survey.BuildOf(builds, d)
		if !p.releases(d, build) {
			continue
		}
		key := path.Dir(file) + "\n" + d.Name
		i := byName[key]
		if i == nil {
			i = &image{Image: &draft.Image{Name: p.imageNameOf(d)}}
			if p.isTaken(i, i.Name) {
				i.Name = imageName(strings.ReplaceAll(file, "/", "-"))
			}
			byName[key] = i
			p.images = append(p.images, i)
		}
		p.variant(i, d, build)
		for _, other := range others {
			if build.Dockerfile != survey.AnyDockerfile && (other.Target != build.Target || !maps.Equal(other.Args, build.Args)) {
				p.remark(fmt.Sprintf("unsure: %s builds %s once more, with other arguments or another target: add an image if it is released", other.Where, file))
				break
			}
		}
	}
}

// releases reports whether the image of a Dockerfile is released: a recipe builds it, it contains binaries, it starts a
// program, or it is the main Dockerfile of the project. If none of these is true, it adds a remark.
func (p *project) releases(d *survey.Dockerfile, build *survey.ImageBuild) bool {
	dir := path.Dir(d.File)
	switch {
	case !survey.Released(dir) || !survey.Released(strings.ReplaceAll(d.Name, "-", "/")):
	case build != nil && build.Dockerfile != survey.AnyDockerfile:
		return true
	case !p.isImageFolder(dir):
	case d.Starts || copiesBin(d, "") || d.Name == "" && (dir == "." || dir == "package"):
		return true
	default:
		p.remark(fmt.Sprintf("unsure: the image of %s is left out: it starts no program, and no file builds it: add it if it is released", d.File))
		return false
	}
	p.remark("not released: the image of " + d.File)
	return false
}

// copiesBin reports whether a stage of the target copies from the context bin, which contains the binaries.
func copiesBin(d *survey.Dockerfile, target string) bool {
	return !d.HasStage("bin") && slices.ContainsFunc(d.Reached(target), func(s *survey.Stage) bool { return slices.Contains(s.CopiesFrom, "bin") })
}

// isTaken reports whether another image has the name.
func (p *project) isTaken(i *image, name string) bool {
	return slices.ContainsFunc(p.images, func(o *image) bool { return o != i && o.Name == name })
}

func (p *project) isImageFolder(dir string) bool {
	if slices.Contains(imageFolders, dir) || path.Dir(dir) == "images" || path.Dir(dir) == "docker" {
		return true
	}
	return p.module != nil && (dir == p.module.Dir || slices.ContainsFunc(p.binaries, func(b *binary) bool { return b.main.Dir == dir }))
}

// imageNameOf derives the name of an image from the name and the folder of its Dockerfile.
func (p *project) imageNameOf(d *survey.Dockerfile) string {
	name := p.Project
	if dir := path.Dir(d.File); !slices.Contains(imageFolders, dir) && (p.module == nil || dir != p.module.Dir) {
		name = imageName(path.Base(dir))
	}
	if d.Name != "" {
		name += "-" + imageName(d.Name)
	}
	return name
}

// windowsNames chooses the versions of Windows: those in a recipe, or all.
func (p *project) windowsNames() {
	if !slices.ContainsFunc(p.images, func(i *image) bool {
		return i.Off == "" && slices.ContainsFunc(i.Variants, func(v draft.Variant) bool { return len(draft.OfSystem(v.Platforms, "windows")) > 0 })
	}) {
		return
	}
	p.Windows = p.Recipes.WindowsVersions()
	if len(p.Windows) == 0 {
		p.Windows = []string{"ltsc2019", "ltsc2022", "ltsc2025"}
	}
}
