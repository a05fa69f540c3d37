package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/build/config"
	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/build/report/page"
	"github.com/slipway-build/slipway/build/workbench"
	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/ranges"
	"github.com/slipway-build/slipway/internal/redact"
	"github.com/slipway-build/slipway/internal/usage"
)

func (p *Program) reportCommand() *cobra.Command {
	var (
		output  string
		options reportOptions
		asJSON  bool
	)
	c := &cobra.Command{
		Use: "report [DIR|URL|TAG]", Short: "Write a page about a release: sizes, what is shared, where the time went, what has changed", Args: cobra.MaximumNArgs(1), GroupID: "project",
		Long: `Report describes a release in one HTML file that needs no network: the sizes of binaries,
images and archives, the layers that they share, where the time went, why steps were made
again and, with --with, what has changed since an
earlier release: images, packages of SBOMs, sizes, and the delta that operators carry.

DIR is the dist of a release, or a folder with its published files; URL is where these files
are. TAG is the git tag of a release that is published where slipway.yaml says, with its
artifacts.json; a file or folder of that name takes precedence. The default is the dist of
the project. EARLIER may be one of these, too, its artifacts.json, or the page of an earlier
report, which contains its data. The page is written to slipway-report.html in this folder,
and not to dist, whose bytes are compared. In a CI job, its short form is added to the
summary of the job.`,
		Example: examples("slipway report", "slipway report --with v1.34.0", "slipway report --with v1.34.0.html -o v1.34.1.html", "slipway report https://example.com/v1.34.1 --with https://example.com/v1.34.0", "slipway report dist -o - > report.html"),
		RunE: func(c *cobra.Command, words []string) error {
			if asJSON && c.Flags().Changed("output") {
				return usage.Errorf("choose one of --json, which prints, and -o")
			}
			where, err := p.releaseToReport(words)
			if err = cmp.Or(err, p.checkOffline(c, []string{options.with})); err != nil {
				return err
			}
			var found *report.Document
			err = p.withWorkbench(c, func(ctx context.Context, w *workbench.Workbench) (err error) {
				found, err = p.readReport(ctx, w, where, options)
				return err
			})
			if err != nil {
				return err
			}
			if err := p.settings.CI.WriteReport(found); err != nil {
				return err
			}
			if asJSON {
				return p.writeJSON(found)
			}
			return p.writePage(found, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "slipway-report.html", "page to write; - is standard output")
	c.Flags().StringVar(&p.settings.Config, "config", "", "path of slipway.yaml (default: the nearest one in this folder or above)")
	c.Flags().StringVar(&options.with, "with", "", "EARLIER: release to compare with: a dist, a folder, a URL, an artifacts.json, a report, or the tag of a published release")
	c.Flags().StringArrayVar(&options.records, "record", nil, "FILE: record of a run that made the release, as build, package and publish write it, or a folder of records (default: the last runs of this machine)")
	c.Flags().BoolVar(&options.deltas, "deltas", true, "with --with, measure what the deltas of archives have, which reads both archives")
	c.Flags().BoolVar(&asJSON, "json", false, "print as JSON, and write no page")
	mustHaveValue(c, "output", "with", "record")
	return c
}

// releaseToReport returns the release of the command line, or the dist of the project.
func (p *Program) releaseToReport(words []string) (string, error) {
	if len(words) == 1 {
		if words[0] == "" {
			return "", usage.Errorf("DIR is empty: name the dist of a release, or leave it out")
		}
		return words[0], nil
	}
	file := p.settings.Config
	if file == "" {
		var err error
		if file, err = config.Find(cmp.Or(p.settings.Project, ".")); err != nil {
			return "", usage.Errorf("%w; or name the release: slipway report DIR", err)
		}
	}
	return filepath.Join(filepath.Dir(file), "dist"), nil
}

// reportOptions are the flags of report that decide what it shows.
type reportOptions struct {
	with    string
	records []string
	deltas  bool
}

// readReport describes a release, its runs and, if an earlier release is named, what has changed since.
func (p *Program) readReport(ctx context.Context, w *workbench.Workbench, where string, o reportOptions) (*report.Document, error) {
	source, err := report.Open(ctx, where, p.settings.Release())
	if err != nil {
		return nil, err
	}
	defer source.Close()
	r, err := source.Read(ctx)
	if err != nil {
		return nil, err
	}
	runs, err := recordsOf(ctx, w, where, o.records)
	if err != nil {
		return nil, err
	}
	r.AddRuns(runs)
	if o.with == "" {
		return r, nil
	}
	earlier, err := report.Open(ctx, o.with, p.settings.Release())
	if err != nil {
		return nil, fmt.Errorf("--with: %w", err)
	}
	defer earlier.Close()
	var measure report.Measure
	if o.deltas {
		measure = w.SizeOf
	}
	return r, r.Compare(ctx, source, redact.Text(o.with), earlier, measure)
}

// recordsOf reads the records of files or, without any, those of the runs on this machine that wrote to a dist.
func recordsOf(ctx context.Context, w *workbench.Workbench, dist string, files []string) (runs []*record.Record, err error) {
	if len(files) == 0 {
		abs, err := filepath.Abs(dist)
		if err != nil || ranges.IsURL(dist) {
			return nil, err
		}
		return record.Kept(ctx, w.Cache, abs), nil
	}
	for _, file := range files {
		found, err := recordsIn(file)
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			run, err := record.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("--record: %w", err)
			}
			runs = append(runs, run)
		}
	}
	return runs, nil
}

// recordsIn returns the paths of the records in a folder, or the path of a file.
func recordsIn(path string) ([]string, error) {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("--record: reading the folder of records: %w", err)
	}
	var found []string
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) == ".json" {
			found = append(found, filepath.Join(path, entry.Name()))
		}
	}
	if len(found) == 0 {
		return nil, usage.Errorf("--record: %s has no record: missing *.json", path)
	}
	return found, nil
}

// writePage writes a report as a page.
func (p *Program) writePage(r *report.Document, output string) error {
	var out bytes.Buffer
	if err := page.Write(&out, r, p.Version); err != nil {
		return err
	}
	if output == "-" {
		_, err := p.raw.Write(out.Bytes())
		return err
	}
	if err := atomicfile.WriteFile(output, out.Bytes()); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	_, err := fmt.Fprintf(p.Stdout, "wrote %s\n", output)
	return err
}
