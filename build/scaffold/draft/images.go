package draft

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

func (d *Draft) images(p *page) {
	if len(d.Images) == 0 {
		return
	}
	p.line("")
	if len(d.active()) == 0 {
		p.line("# images:")
	} else {
		p.line("# Built from Dockerfiles, without a daemon unless a Dockerfile has a RUN.")
		p.line("images:")
	}
	for _, i := range d.Images {
		one := &page{}
		one.image(i)
		if i.Off == "" {
			p.WriteString(one.String())
			continue
		}
		p.doubt("  ", fmt.Sprintf("the image %s is not active: %s", i.Name, i.Off))
		for line := range strings.Lines(one.String()) {
			p.WriteString("  # " + strings.TrimPrefix(line, "  "))
		}
	}
	d.airgap(p)
}

func (p *page) image(i *Image) {
	p.line("  - name: %s", literal(i.Name))
	contexts := maps.Clone(i.Contexts)
	if i.Bin {
		p.line("    # COPY --from=bin copies the binaries for the same platform.")
		contexts = map[string]string{"bin": "dist/bin/${PLATFORM}"}
		maps.Copy(contexts, i.Contexts)
	}
	for _, one := range []struct {
		key    string
		values map[string]string
	}{{"contexts", contexts}, {"labels", i.Labels}, {"annotations", i.Annotations}} {
		if len(one.values) > 0 {
			p.line("    %s: %s", one.key, mapping(one.values))
		}
	}
	if len(i.Tags) > 0 {
		p.line("    tags: %s", list(i.Tags))
	}
	if i.Engine != "" {
		p.line("    builder: docker # or buildkit: %s, which the embedded builder does not support", i.Engine)
	}
	p.doubt("    ", i.Doubts...)
	p.stage(i)
	p.line("    variants:")
	for _, v := range i.Variants {
		fields := []string{"platforms: [" + strings.Join(v.Platforms, ", ") + "]", "dockerfile: " + literal(v.Dockerfile)}
		if v.Staged {
			v.Context = i.stageFolder()
		}
		if v.Context != "" {
			fields = append(fields, "context: "+scalar(v.Context))
		}
		if v.Target != "" {
			fields = append(fields, "target: "+literal(v.Target))
		}
		if len(v.Args) == 0 {
			p.line("      - {%s}", strings.Join(fields, ", "))
			continue
		}
		for n, field := range append(fields, "args: "+mapping(v.Args)) {
			lead := "        "
			if n == 0 {
				lead = "      - "
			}
			p.line("%s%s", lead, field)
		}
	}
}

// airgap writes the lists of own images: one for Linux and one for Windows.
func (d *Draft) airgap(p *page) {
	lists := map[string][]string{}
	for _, i := range d.active() {
		for _, goos := range []string{"linux", "windows"} {
			if len(i.platforms(goos)) > 0 {
				lists[goos] = append(lists[goos], literal(i.Name))
			}
		}
	}
	if len(lists) == 0 {
		return
	}
	p.line("")
	p.line("# Archives for hosts without a registry: own images first, then those of a file with one")
	p.line("# reference per line.")
	p.line("airgap:")
	p.line("  lists:")
	if names := lists["linux"]; len(names) > 0 {
		p.line("    images: {images: [%s]%s} # file: images.txt", strings.Join(names, ", "), d.listPlatforms("linux"))
	}
	if names := lists["windows"]; len(names) > 0 {
		p.line("    windows: {images: [%s]%s} # one archive per Windows version", strings.Join(names, ", "), d.listPlatforms("windows"))
	}
}

// platforms returns the platforms of an image with an operating system.
func (i *Image) platforms(goos string) []string {
	var all []string
	for _, v := range i.Variants {
		all = append(all, OfSystem(v.Platforms, goos)...)
	}
	return all
}

// listPlatforms returns the platforms of a list, which are those that all of its images have.
func (d *Draft) listPlatforms(goos string) string {
	platforms := OfSystem(d.Platforms, goos)
	for _, i := range d.active() {
		if own := i.platforms(goos); len(own) > 0 {
			platforms = slices.DeleteFunc(platforms, func(p string) bool { return !slices.Contains(own, p) })
		}
	}
	if goos == "linux" && slices.Equal(platforms, OfSystem(d.Platforms, goos)) {
		return ""
	}
	return ", platforms: [" + strings.Join(platforms, ", ") + "]"
}

// stageFolder returns the context of Stage for a platform.
func (i *Image) stageFolder() string { return "dist/context/" + i.Name + "/${PLATFORM}" }

// stage writes the hook that makes the context of Stage.
func (p *page) stage(i *Image) {
	if len(i.Stage) == 0 {
		return
	}
	folder := i.stageFolder()
	commands := []string{"rm -rf " + shellWord(folder)}
	var inputs, folders []string
	for _, f := range i.Stage {
		to := path.Join(folder, f.To)
		into := to
		if !f.Folder {
			into = path.Dir(to)
		}
		if !slices.Contains(folders, into) {
			folders = append(folders, into)
			commands = append(commands, "mkdir -p "+shellWord(into))
		}
		inputs = append(inputs, f.From)
		commands = append(commands, "cp -R "+shellWord(f.From)+" "+shellWord(to))
	}
	p.line("    before:")
	p.line("      # The Dockerfile copies binaries and other files: this folder has both.")
	p.line("      - shell: |")
	for _, command := range commands {
		p.line("          %s", command)
	}
	p.line("        inputs: %s", list(inputs))
	p.line("        outputs: %s", list([]string{folder}))
}

// plainWord matches words that a shell does not change, apart from variables of slipway.yaml and patterns.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,${}*?-]+$`)

func shellWord(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
