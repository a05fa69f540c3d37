package assemble

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/assemble/dockerfile"

	"github.com/slipway-build/slipway/images/fstree"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/slipway-build/slipway/images/buildfile"
	"github.com/slipway-build/slipway/internal/regular"
	"github.com/slipway-build/slipway/internal/sniff"
)

// setEpoch determines the time of the build: from a build argument, else from the build
// options, else from an ARG before the first FROM. It then sets the argument to that
// time, or unsets it, as BuildKit does.
func (asm *assembly) setEpoch(ctx context.Context) error {
	epoch, err := asm.resolveEpoch(ctx, asm.graph.Epoch())
	if err != nil {
		return err
	}
	asm.epoch = fstree.UnixEpoch.UTC()
	if epoch != nil {
		asm.epoch = *epoch
	}
	asm.graph.SetEpoch(epoch)
	return nil
}

// resolveEpoch returns the time that SOURCE_DATE_EPOCH names: seconds, "context", or
// the name of a context or stage. It returns nil for folders and images, which have no
// time.
func (asm *assembly) resolveEpoch(ctx context.Context, value string) (*time.Time, error) {
	if value == "" {
		return nil, nil
	}
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		t := time.Unix(n, 0).UTC()
		return &t, nil
	}
	named, err := asm.graph.ContextFor(value, asm.build.Platform)
	if err != nil {
		return nil, err
	}
	if value == "context" || named != nil {
		asm.task.Warn(buildfile.TimelessEpoch)
		return nil, nil
	}
	var names []string
	for i := range asm.graph.Parsed {
		s := &asm.graph.Parsed[i]
		names = append(names, s.Name)
		if strings.EqualFold(s.Name, value) {
			t, err := asm.epochOfStage(ctx, s)
			return t, asm.graph.At(s.Location, err)
		}
	}
	return nil, fmt.Errorf("%s=%s: want seconds since 1970, context, or the name of a context or stage%s",
		buildfile.EpochArg, value, dockerfile.Suggest(value, names))
}

// epochOfStage returns the time of the file that the only ADD of the stage fetches.
func (asm *assembly) epochOfStage(ctx context.Context, s *instructions.Stage) (*time.Time, error) {
	lex := shell.NewLex(asm.graph.Escape)
	known := asm.graph.Global.Clone()
	known.Unset(buildfile.EpochArg)
	expand := func(word string) (string, error) {
		result, _, err := lex.ProcessWord(word, known)
		return result, err
	}
	wrong := func(format string, args ...any) (*time.Time, error) {
		return nil, fmt.Errorf("%s=%s: the stage must be FROM scratch with one ADD of a URL; %s", buildfile.EpochArg, s.Name, fmt.Sprintf(format, args...))
	}
	if base, err := expand(s.BaseName); err != nil {
		return nil, err
	} else if base != dockerfile.Scratch {
		return wrong("it is FROM %s", base)
	}
	var source, checksum string
	for _, c := range s.Commands {
		switch c := c.(type) {
		case *instructions.ArgCommand:
			for _, arg := range c.Args {
				value, err := dockerfile.ArgValue(arg, dockerfile.NewEnv(), asm.graph.Options.Args, expand)
				if err != nil {
					return nil, err
				}
				if value != nil {
					known.Set(arg.Key, *value)
				}
			}
		case *instructions.AddCommand:
			if source != "" || len(c.SourcePaths) != 1 || len(c.SourceContents) > 0 {
				return wrong("it has several sources")
			}
			var err error
			if source, err = expand(c.SourcePaths[0]); err != nil {
				return nil, err
			}
			if checksum, err = expand(c.Checksum); err != nil {
				return nil, err
			}
		default:
			return wrong("it has %s", c.Name())
		}
	}
	switch {
	case dockerfile.IsGit(source):
		return nil, fmt.Errorf("ADD of a git repository runs git, which the embedded builder does not do; %s", dockerfile.OtherBuilders)
	case source == "":
		return wrong("it has no ADD")
	case !dockerfile.IsURL(source):
		return wrong("%s is not a URL", source)
	}
	u, err := url.Parse(source)
	if err != nil {
		return nil, err
	}
	return asm.epochOfURL(ctx, u, checksum)
}

// epochOfURL returns the server's Last-Modified time, or else the newest modification
// time in the archive at the URL.
func (asm *assembly) epochOfURL(ctx context.Context, u *url.URL, checksum string) (*time.Time, error) {
	body, err := asm.get(ctx, u)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", u.Redacted(), err)
	}
	defer body.Close()
	if t, err := http.ParseTime(body.Header.Get("Last-Modified")); err == nil {
		t = t.UTC()
		return &t, nil
	}
	hash, err := dockerfile.ParseChecksum(checksum)
	if err != nil {
		return nil, err
	}
	file, err := asm.download(ctx, u, hash)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", u.Redacted(), err)
	}
	return asm.newest(ctx, file)
}

// newest returns the newest modification time in an archive, or nil if file is not an
// archive.
func (asm *assembly) newest(ctx context.Context, file *fstree.DiskFile) (*time.Time, error) {
	raw, err := regular.Open(file.Path)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	_, content, err := sniff.Open(raw)
	if err != nil {
		return nil, nil
	}
	defer content.Close()
	var newest *time.Time
	for r := tar.NewReader(content); ctx.Err() == nil; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return newest, nil
		}
		if err != nil {
			return nil, nil
		}
		if t := h.ModTime.UTC(); h.FileInfo().Mode().IsRegular() && (newest == nil || t.After(*newest)) {
			newest = &t
		}
	}
	return nil, ctx.Err()
}
