package doctor

import (
	"context"
	"fmt"
	"os"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/publish"
	"github.com/slipway-build/slipway/build/release"
	"github.com/slipway-build/slipway/progress"
)

// destinations looks at the destinations of files: tokens, rights, what exists already, and limits.
func (x *examination) destinations(ctx context.Context) error {
	for _, d := range x.Plan.Destinations {
		switch {
		case d.Directory != "":
			x.directory(d)
		case d.GitHub.Repository != "":
			x.gitHub(ctx, d)
		case d.GitLab.Project != "" || d.S3.Bucket != "":
			x.upload(ctx, d)
		}
	}
	return nil
}

// directory looks at a folder for artifacts. Unlike publish, it writes no file there.
func (x *examination) directory(d config.Destination) {
	if info, err := os.Stat(x.Path(d.Directory)); err == nil && !info.IsDir() {
		x.find(Error, d.Position.String(), d.Directory+" is not a folder", "remove it, or publish to another folder")
	}
}

// upload looks at a package of GitLab, or at a bucket.
func (x *examination) upload(ctx context.Context, d config.Destination) {
	at := d.Position.String()
	if x.isMade(d.GitLab.Notes) {
		d.GitLab.Notes = "" // the file does not exist yet
	}
	var files []string
	for _, a := range x.artifacts() {
		files = append(files, x.Path(a.path))
	}
	existing, err := x.CheckUpload(ctx, d, files)
	if err != nil {
		x.find(Error, at, fmt.Sprintf("%s: %v", d, err), "")
	}
	if existing > 0 && !d.S3.Overwrite {
		x.find(Warning, at, fmt.Sprintf("%s already has files of this version (%d)", d, existing),
			"publish adds missing files, and refuses to replace others (without --force): choose another version, unless this continues an interrupted run")
	}
}

// gitHub looks at a release on GitHub.
func (x *examination) gitHub(ctx context.Context, d config.Destination) {
	at := d.Position.String()
	x.assets(at)
	if x.isMade(d.GitHub.Notes) {
		d.GitHub.Notes = "" // the file does not exist yet
	}
	client, options, err := x.GitHub(d)
	if err != nil {
		x.find(Error, at, err.Error(), "")
		return
	}
	client.Client = x.clocks.client()
	state, err := client.Examine(ctx, options)
	if err != nil {
		x.find(Error, at, err.Error(), "")
	}
	if state == nil || state.Draft {
		return
	}
	message := fmt.Sprintf("release %s of %s is public already, with %d assets", options.Tag, d.GitHub.Repository, state.Assets)
	switch {
	case state.Immutable:
		x.find(Error, at, message+", and immutable: nothing can be added", "choose another version")
	case d.GitHub.Draft:
		x.find(Error, at, message+", and the destination keeps a draft: files would be visible before they are complete", "choose another version, or turn the release into a draft on GitHub")
	default:
		x.find(Warning, at, message, "publish adds missing files, and refuses to replace others (without --force): choose another version, unless this continues an interrupted run")
	}
}

// assets compares the files of the release with the limits of GitHub. Sizes are those of the files in dist or, without
// them, of the earlier release.
func (x *examination) assets(at string) {
	files := x.artifacts()
	if err := publish.CheckAssetNumber(len(files)); err != nil {
		x.find(Error, at, err.Error(), "")
	}
	for _, f := range files {
		if err := publish.CheckAsset(f.path, f.size); err != nil {
			remedy := ""
			if f.earlier {
				remedy = fmt.Sprintf("this is the size of the previous release (%s); airgap.split, for instance 1900MB, splits an archive", progress.FormatBytes(f.size))
			}
			x.find(Error, at, err.Error(), remedy)
		}
	}
}

// An artifact is a file that the release will have. Its size is -1 if it is unknown, or the file will be split.
type artifact struct {
	path    string
	size    int64
	earlier bool // the size is that of the earlier release
}

// artifacts returns the files of dist/artifacts.
func (x *examination) artifacts() (all []artifact) {
	split := map[string]bool{}
	for _, a := range x.Plan.Archives {
		for _, o := range a.Outputs {
			split[o] = a.Split > 0
		}
	}
	sizes := map[string]int64{}
	for _, m := range release.Planned(x.Plan) {
		if size := x.size(m); size > 0 {
			sizes[m.Path] = size
		}
	}
	add := func(planned string) {
		a := artifact{planned, -1, false}
		if info, err := os.Stat(x.Path(planned)); err == nil && info.Mode().IsRegular() {
			a.size = info.Size()
		} else if size, ok := sizes[planned]; ok && !split[planned] {
			a.size, a.earlier = size, true
		}
		all = append(all, a)
	}
	for _, a := range x.Plan.Artifacts() {
		add(a.Path)
	}
	for _, s := range x.Plan.Checksums {
		add(s.Output)
	}
	for _, s := range x.Plan.Signatures() {
		if s.File != "" {
			all = append(all, artifact{s.Path, -1, false})
		}
	}
	return all
}
