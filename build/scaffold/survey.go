package scaffold

import (
	"bufio"
	"errors"
	"fmt"
	"go/ast"
	gobuild "go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/internal/regular"
)

// A survey is what a project consists of; the template is executed with it.
type survey struct {
	Schema                        string
	Project, Registry, Repository string
	// Windows says that the project is also for Windows.
	Windows                    bool
	Binaries                   []surveyedBinary
	Images                     []surveyedImage
	LinuxImages, WindowsImages string // names, as in a YAML list
}

type surveyedBinary struct {
	Name, Package string
	// Platforms are the platforms of the package, if it is not for all.
	Platforms string
	// VersionVar is the variable of package main that looks like the version: version or Version.
	VersionVar string
	Release    bool
}

type surveyedImage struct {
	Name                          string
	Dockerfile, WindowsDockerfile string
	// Run is one of the Dockerfiles, if it has a RUN.
	Run string
}

// surveyProject surveys the checkout in dir.
func surveyProject(dir string) (*survey, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("surveying %s: %w", dir, err)
	}
	s := &survey{Schema: config.SchemaURL, Project: imageName(filepath.Base(abs)), Registry: "docker.io"}
	mod, err := regular.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("surveying %s: %w", dir, err)
	}
	hasModule := err == nil
	if hasModule {
		s.nameAfter(modfile.ModulePath(mod))
	}
	if s.Repository == "" {
		s.Repository = s.Project
	}
	dockerfiles, err := findDockerfiles(dir)
	if err != nil {
		return nil, err
	}
	if err := s.images(dir, dockerfiles); err != nil {
		return nil, err
	}
	if hasModule {
		if s.Windows, err = s.forWindows(dir); err != nil {
			return nil, err
		}
		if err := s.binaries(dir); err != nil {
			return nil, err
		}
	}
	if len(s.Binaries) == 0 && len(s.Images) == 0 {
		return nil, fmt.Errorf("surveying %s: found nothing to release: want a go.mod with main packages in . or ./cmd/*, or a Dockerfile in . or one of %s", abs, strings.Join(dockerfileFolders[1:], ", "))
	}
	return s, nil
}

// nameAfter takes the names of the project, the registry and the repository from the path of the Go module.
func (s *survey) nameAfter(modulePath string) {
	prefix, _, ok := module.SplitPathVersion(modulePath)
	if !ok || prefix == "" {
		return
	}
	s.Project = imageName(path.Base(prefix))
	if parts := strings.Split(prefix, "/"); len(parts) >= 3 && parts[0] == "github.com" {
		s.Registry, s.Repository = "ghcr.io", imageName(parts[1])
	}
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// imageName turns any text into a valid name of an image.
func imageName(text string) string {
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if name == "" {
		return "project"
	}
	return name
}

// forWindows reports whether an image, or a Go file, is for Windows.
func (s *survey) forWindows(dir string) (found bool, err error) {
	if s.WindowsImages != "" {
		return true, nil
	}
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && file != dir && (strings.HasPrefix(name, ".") || slices.Contains([]string{"vendor", "node_modules", "testdata", "dist"}, name)):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, "_windows.go"):
			found = true
			return fs.SkipAll
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("surveying %s: %w", dir, err)
	}
	return found, nil
}

// binaries finds the main packages.
func (s *survey) binaries(dir string) error {
	entries, err := os.ReadDir(filepath.Join(dir, "cmd"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("surveying %s: %w", dir, err)
	}
	packages := []string{"."}
	for _, e := range entries {
		if e.IsDir() {
			packages = append(packages, "./cmd/"+e.Name())
		}
	}
	taken := map[string]bool{}
	for _, pkg := range packages {
		name := s.Project
		if pkg != "." {
			name = path.Base(pkg)
		}
		b := surveyedBinary{Name: name, Package: pkg}
		folder := filepath.Join(dir, filepath.FromSlash(pkg))
		linux, windows := mainFiles(folder, "linux"), mainFiles(folder, "windows")
		if taken[name] || !config.IsFileName(name) || linux == nil && (windows == nil || !s.Windows) {
			continue
		}
		switch {
		case linux == nil:
			b.Platforms = "windows/amd64"
		case windows == nil && s.Windows:
			b.Platforms = "linux/amd64, linux/arm64"
		}
		b.VersionVar = versionVariable(append(linux, windows...))
		taken[name] = true
		s.Binaries = append(s.Binaries, b)
	}
	for i := range s.Binaries {
		// By default only the binary with the name of the project is released. If there is none, release all.
		s.Binaries[i].Release = !taken[s.Project]
	}
	return nil
}

// mainFiles returns the Go files of the main package in folder for an operating system, or nil if there is none.
func mainFiles(folder, goos string) []string {
	target := gobuild.Default
	target.GOOS, target.GOARCH, target.CgoEnabled = goos, "amd64", false
	pkg, err := target.ImportDir(folder, 0)
	if err != nil || pkg.Name != "main" {
		return nil // no Go files, or none for this system
	}
	var files []string
	for _, f := range pkg.GoFiles {
		files = append(files, filepath.Join(folder, f))
	}
	return files
}

// versionVariable returns the name of a package-level variable that looks like the version, or "".
func versionVariable(files []string) string {
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			continue // the compiler reports it
		}
		for _, decl := range parsed.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.EqualFold(name.Name, "version") {
						return name.Name
					}
				}
			}
		}
	}
	return ""
}

// dockerfileFolders are the folders that may have Dockerfiles. The first that has one is used.
var dockerfileFolders = []string{".", "package", "build", "docker"}

// findDockerfiles returns the paths of the Dockerfiles, sorted, with slashes.
func findDockerfiles(dir string) ([]string, error) {
	for _, folder := range dockerfileFolders {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("surveying %s: %w", dir, err)
		}
		var found []string
		for _, e := range entries {
			name := e.Name()
			if e.Type().IsRegular() && (name == "Dockerfile" || strings.HasPrefix(name, "Dockerfile.")) && !strings.HasSuffix(name, ".dockerignore") {
				found = append(found, path.Join(folder, name))
			}
		}
		if found != nil {
			return found, nil
		}
	}
	return nil, nil
}

// images makes one image of Dockerfile and Dockerfile.windows, and one of each Dockerfile.NAME.
func (s *survey) images(dir string, dockerfiles []string) error {
	byName := map[string]int{}
	for _, file := range dockerfiles {
		suffix := strings.TrimPrefix(strings.TrimPrefix(path.Base(file), "Dockerfile"), ".")
		suffix, windows := cutWindows(suffix)
		name := s.Project
		if suffix != "" {
			name += "-" + imageName(suffix)
		}
		i, ok := byName[name]
		if !ok {
			i = len(s.Images)
			byName[name] = i
			s.Images = append(s.Images, surveyedImage{Name: name})
		}
		image := &s.Images[i]
		if windows {
			image.WindowsDockerfile = file
		} else {
			image.Dockerfile = file
		}
		run, err := hasRun(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			return err
		}
		if run {
			image.Run = file
		}
	}
	var linux, windows []string
	for _, image := range s.Images {
		if image.Dockerfile != "" {
			linux = append(linux, image.Name)
		}
		if image.WindowsDockerfile != "" {
			windows = append(windows, image.Name)
		}
	}
	s.LinuxImages, s.WindowsImages = strings.Join(linux, ", "), strings.Join(windows, ", ")
	s.Windows = windows != nil
	return nil
}

// cutWindows removes the word windows from the end of a suffix such as "windows" or "agent.windows".
func cutWindows(suffix string) (rest string, windows bool) {
	if suffix == "windows" {
		return "", true
	}
	return strings.CutSuffix(suffix, ".windows")
}

var runInstruction = regexp.MustCompile(`(?i)^\s*(ONBUILD\s+)?RUN\s`)

// hasRun reports whether a line of a Dockerfile begins with RUN.
func hasRun(file string) (bool, error) {
	f, err := regular.Open(file)
	if err != nil {
		return false, fmt.Errorf("surveying: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if runInstruction.MatchString(lines.Text()) {
			return true, nil
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("surveying %s: %w", file, err)
	}
	return false, nil
}
