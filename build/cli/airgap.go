package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/extract"
	"github.com/slipway-build/slipway/internal/ranges"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/usage"
	"github.com/slipway-build/slipway/progress"
)

func (p *Program) airgapCommand() *cobra.Command {
	c := asGroup(&cobra.Command{Use: "airgap", Short: "Write, slice, verify, extract, push, serve, load and compare air-gap archives", GroupID: "tools"})
	reading := []*cobra.Command{p.sliceCommand(), p.lsCommand(), p.archiveVerifyCommand(), p.findCommand(), p.extractCommand(), p.pushCommand(), p.serveCommand(), p.loadCommand(), p.airgapSBOMCommand()}
	for _, reads := range reading {
		p.oldFlag(reads)
	}
	c.AddCommand(p.airgapPackCommand(), p.diffCommand(), p.applyCommand())
	c.AddCommand(reading...)
	return c
}

// checkOffline returns an error if an archive on a web server was named with --offline.
func (p *Program) checkOffline(c *cobra.Command, words []string) error {
	if !p.settings.Offline {
		return nil
	}
	for _, name := range []string{"from", "old"} {
		if flag := c.Flags().Lookup(name); flag != nil {
			if list, ok := flag.Value.(pflag.SliceValue); ok {
				words = append(slices.Clip(words), list.GetSlice()...)
			}
		}
	}
	for _, word := range words {
		if ranges.IsURL(word) {
			return usage.Errorf("offline: %s is on a web server", redact.Text(word))
		}
	}
	return nil
}

// listedImage is an image in the output of `airgap ls --json`.
type listedImage struct {
	Archive  string        `json:"archive"`
	Image    string        `json:"image,omitempty"` // the first name
	Names    []string      `json:"names"`
	Tags     []string      `json:"tags,omitempty"` // of an image without a name
	Platform string        `json:"platform"`
	ID       string        `json:"id"`
	Manifest string        `json:"manifest"`
	Size     int64         `json:"size"`
	Layers   []listedLayer `json:"layers"`
}

type listedLayer struct {
	Digest string `json:"digest"`
	DiffID string `json:"diffID"`
	Size   int64  `json:"size"`
	// Images is the number of images in the archive that have the layer.
	Images int `json:"images"`
}

func (p *Program) lsCommand() *cobra.Command {
	var asJSON, proof bool
	c := &cobra.Command{
		Use:     "ls FILE|DIR|URL…",
		Short:   "List the images of archives: names, platforms, sizes, shared layers",
		Args:    cobra.MinimumNArgs(1),
		Example: examples("slipway airgap ls images.tar.zst", "slipway airgap ls https://example.com/v1.34.1/images.tar.zst", "slipway airgap ls --json /var/lib/rancher/rke2/agent/images", "slipway airgap ls --proof images.tar.zst"),
		RunE: func(c *cobra.Command, paths []string) error {
			files, err := airgap.ListArchives(paths)
			if err != nil {
				return err
			}
			if proof {
				return p.watched(c, func(ctx context.Context) error { return p.listProof(ctx, files, asJSON) })
			}
			var (
				listed = []listedImage{}
				errs   []error
			)
			err = p.watched(c, func(ctx context.Context) error {
				for _, file := range files {
					found, err := listArchive(ctx, file)
					listed, errs = append(listed, found...), append(errs, err)
				}
				return nil
			})
			errs = append(errs, err)
			if asJSON {
				errs = append(errs, p.writeJSON(listed))
				return errors.Join(errs...)
			}
			t := progress.NewTable("ARCHIVE", "IMAGE", "PLATFORM", "LAYERS", "SHARED", "SIZE", "ID").AlignRight("LAYERS", "SHARED", "SIZE")
			for _, i := range listed {
				shared := 0
				for _, l := range i.Layers {
					if l.Images > 1 {
						shared++
					}
				}
				unnamed := "(no name)"
				if len(i.Tags) > 0 {
					unnamed = fmt.Sprintf("(no name, tag %s)", strings.Join(i.Tags, " "))
				}
				t.Add(i.Archive, cmp.Or(strings.Join(i.Names, " "), unnamed), i.Platform, fmt.Sprint(len(i.Layers)), fmt.Sprint(shared),
					progress.FormatBytes(i.Size), i.ID[:min(len(i.ID), 19)])
			}
			return errors.Join(append(errs, t.Write(p.Stdout))...)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	c.Flags().BoolVar(&proof, "proof", false, "list the proof that archives carry (signatures, SBOMs, provenance)")
	return c
}

func listArchive(ctx context.Context, file string) ([]listedImage, error) {
	a, err := airgap.Open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	packed, err := a.Images(ctx)
	if err != nil {
		return nil, err
	}
	var out []listedImage
	for _, i := range packed {
		l := listedImage{Archive: a.Path(), Platform: images.FormatPlatform(i.Platform), ID: i.ID.String(), Manifest: i.Manifest.Digest.String(), Names: []string{}}
		for _, n := range i.Names {
			l.Names = append(l.Names, familiar(n))
		}
		if len(l.Names) > 0 {
			l.Image = l.Names[0]
		} else {
			l.Tags = i.Tags
		}
		for _, layer := range i.Layers {
			l.Size += layer.Size
			l.Layers = append(l.Layers, listedLayer{layer.Digest.String(), layer.DiffID.String(), layer.Size, layer.Images})
		}
		out = append(out, l)
	}
	return out, nil
}

func familiar(text string) string {
	ref, err := images.ParseReference(text)
	if err != nil {
		return text
	}
	return images.Familiar(ref)
}

// foundImage is the output of airgap find --json.
type foundImage struct {
	Archive      string  `json:"archive"`
	ID           v1.Hash `json:"id"`
	Image        string  `json:"image"`
	Milliseconds float64 `json:"milliseconds"`
	Platform     string  `json:"platform"`
}

func (p *Program) findCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "find [REF] FILE|DIR|URL…",
		Short: "Show which archive contains an image, and how fast it is found",
		Long: `Find searches files and folders of archives for an image by name and tag, as a node
does. ` + p.aboutDefault(),
		Args:    cobra.MinimumNArgs(1),
		Example: examples("slipway airgap find rancher/mirrored-pause:3.10.2 /var/lib/rancher/rke2/agent/images", "slipway airgap find images.tar.zst"),
		RunE: func(c *cobra.Command, words []string) error {
			ref, paths, err := p.runtimeOr(words)
			if err != nil {
				return err
			}
			if len(paths) == 0 {
				return usage.Errorf("%s is not a file or folder, so it is taken for the name of an image: add the FILE or DIR to search", words[0])
			}
			platform, err := p.onePlatform()
			if err != nil {
				return err
			}
			var (
				found *airgap.Found
				took  float64
			)
			if err := p.watched(c, func(ctx context.Context) error {
				began := time.Now()
				found, err = airgap.Find(ctx, ref, platform, paths)
				took = float64(time.Since(began).Microseconds()) / 1000
				return err
			}); err != nil {
				return err
			}
			defer found.Close()
			if asJSON {
				return p.writeJSON(foundImage{found.Archive.Path(), found.Image.ID, images.Familiar(ref), took,
					images.FormatPlatform(found.Image.Platform)})
			}
			_, err = fmt.Fprintf(p.Stdout, "%s\t%s\t%s\tfound in %.1f ms\n", found.Archive.Path(), images.FormatPlatform(found.Image.Platform), found.Image.ID, took)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return c
}

// aboutDefault describes the default of REF.
func (p *Program) aboutDefault() string {
	if p.RuntimeImage == "" {
		return "REF is required, since this binary was built without a default runtime image."
	}
	return "The default of REF is the runtime image that this binary expects, " + p.RuntimeImage + "."
}

// runtimeOr splits off the reference at the beginning of words. If the first word is a file or
// folder, it returns the default runtime image.
func (p *Program) runtimeOr(words []string) (name.Reference, []string, error) {
	text, rest := p.RuntimeImage, words
	if len(words) > 0 {
		if _, err := os.Stat(words[0]); err != nil && !ranges.IsURL(words[0]) {
			text, rest = words[0], words[1:]
		}
	}
	if text == "" {
		return nil, nil, usage.Errorf("missing REF: name an image, since this binary was built without a default runtime image")
	}
	ref, err := images.ParseReference(images.TrimTransport(text))
	if err != nil {
		return nil, nil, usage.Wrap(err)
	}
	return ref, rest, nil
}

// onePlatform returns the platform of --platform, if it was given.
func (p *Program) onePlatform() (*v1.Platform, error) {
	switch len(p.settings.Platforms) {
	case 0:
		return nil, nil
	case 1:
		return &p.settings.Platforms[0], nil
	}
	return nil, usage.Errorf("--platform: want a single platform")
}

func (p *Program) extractCommand() *cobra.Command {
	var from, what []string
	c := &cobra.Command{
		Use:   "extract [REF] --from FILE|DIR|URL --path /bin=DEST…",
		Short: "Extract folders of an image, as RKE2's bootstrap does",
		Long: `Extract writes folders of an image's file system to disk. Each folder appears complete
or not at all, and nothing is written outside of it. ` + p.aboutDefault(),
		Args: cobra.MaximumNArgs(1),
		Example: examples("slipway airgap extract --from images.tar.zst --path /bin=/opt/slipway/bin --path /charts=/opt/slipway/charts",
			"slipway airgap extract rancher/rke2-runtime:v1.34.1-rke2r1 --from /var/lib/rancher/rke2/agent/images --path /bin=bin"),
		RunE: func(c *cobra.Command, words []string) error {
			var errs []error
			var wanted []extract.Folder
			for _, w := range what {
				inside, dest, ok := strings.Cut(w, "=")
				if !ok || inside == "" || dest == "" {
					errs = append(errs, fmt.Errorf("--path %q: want /FOLDER=DEST", w))
				}
				wanted = append(wanted, extract.Folder{Path: inside, Dest: dest})
			}
			if len(what) == 0 {
				errs = append(errs, errors.New("missing folder to extract: add --path /bin=DEST"))
			}
			if len(from) == 0 {
				errs = append(errs, errors.New("missing archive: add --from FILE or DIR"))
			}
			text := p.RuntimeImage
			if len(words) == 1 {
				text = words[0]
			}
			var ref name.Reference
			if text == "" {
				errs = append(errs, errors.New("missing REF: name an image, since this binary was built without a default runtime image"))
			} else {
				var err error
				ref, err = images.ParseReference(images.TrimTransport(text))
				errs = append(errs, err)
			}
			platform, err := p.onePlatform()
			if err := errors.Join(append(errs, err)...); err != nil {
				return usage.Wrap(err)
			}
			return p.watched(c, func(ctx context.Context) error {
				found, err := airgap.Find(ctx, ref, platform, from)
				if err != nil {
					return err
				}
				defer found.Close()
				image, err := found.Image.Image(ctx)
				if err != nil {
					return err
				}
				source := extract.Source{Name: found.Image.String(), Image: image, Platform: found.Image.Platform}
				n, err := extract.Folders(ctx, source, wanted, extract.Limits{Bytes: p.settings.UnpackLimit})
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.Stdout, "%d files of %s (%s) from %s\n", n, images.Familiar(ref),
					images.FormatPlatform(found.Image.Platform), found.Archive.Path())
				return err
			})
		},
	}
	c.Flags().StringArrayVar(&from, "from", nil, "archive, folder of archives, or URL of an archive")
	c.Flags().StringArrayVar(&what, "path", nil, "folder of the image and its destination: /bin=DEST")
	return c
}
