package record

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slipway-build/slipway/build/why"
	"github.com/slipway-build/slipway/progress"
)

func example() *Record {
	return &Record{
		Format: format, Command: "slipway package", Slipway: "v1.2.3", Project: "acme", Shard: "2/5", Seconds: 3,
		Started: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC), Machine: Machine{OS: "linux", Arch: "amd64", Cores: 2},
		Steps: []Step{{Kind: "binary", Target: "acme@linux/amd64", State: Made, Reasons: []why.Change{{Kind: why.File, Name: "main.go", Old: "a", New: "b"}}},
			{Kind: "archive", Target: "core@linux/amd64", State: Unfinished, Needs: []string{"binary acme@linux/amd64"}}},
		Tasks:    []Task{{Name: "compile", Steps: []string{"binary acme@linux/amd64"}, End: 2, Bytes: 5}, {Name: "pull", Start: 1, End: 3, Lane: 1, Cached: true, From: "s3"}},
		Warnings: []string{"odd"},
	}
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "record.json")
	if err := example().WriteFile(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got); diff != "" {
		t.Error(diff)
	}
}

func TestBadRecordsAreRefused(t *testing.T) {
	changed := func(old, new string) string {
		raw, err := example().encode()
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(raw), old, new, 1)
		if text == string(raw) {
			t.Fatalf("the record does not contain %s", old)
		}
		return text
	}
	whole := changed("odd", "even")
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "not the record of a run, or a damaged one: unexpected end"},
		{"cut", whole[:len(whole)/2], "not the record of a run, or a damaged one: unexpected end"},
		{"of another program", `{"format":1,"made":[]}`, "not the record of a run: missing format, command, steps or tasks; build, package"},
		{"a list", "[]", "not the record of a run, or a damaged one"},
		{"newer", changed(`"format":1`, `"format":2`), "the record has format 2, and this version of Slipway reads format 1: use the version that wrote it"},
		{"newer, with another form", changed(`"format":1`, `"format":2,"seconds":"much"`), "the record has format 2"},
		{"format 0", changed(`"format":1`, `"format":0`), "damaged record of a run: format 0: want 1"},
		{"a task that ends before it starts", changed(`"start":1,"end":3`, `"start":3,"end":1`), `task 1 ("pull") from 3 to 1: want times in the 3 seconds`},
		{"a task after the end", changed(`"end":3`, `"end":4`), `task 1 ("pull") from 1 to 4`},
		{"a task before the beginning", changed(`"start":0`, `"start":-1`), `task 0 ("compile") from -1 to 2`},
		{"another order", changed(`"start":0`, `"start":1.5`), `task 1 ("pull") starts before the one before it`},
		{"negative bytes", changed(`"bytes":5`, `"bytes":-5`), `task 0 ("compile") has -5 bytes`},
		{"an endless run", changed(`"seconds":3`, `"seconds":1e300`), "seconds 1e+300"},
		{"a text for a number", changed(`"seconds":3`, `"seconds":"3"`), "damaged record of a run: json:"},
		{"a state that does not exist", changed(Unfinished, "odd"), `step "archive core@linux/amd64" has the state "odd"`},
		{"a step twice", changed(`"kind":"archive","target":"core@linux/amd64"`, `"kind":"binary","target":"acme@linux/amd64"`), `duplicate step "binary acme@linux/amd64"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "record.json")
			if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := ReadFile(path)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path) {
				t.Errorf("%v; want %s: …%s", err, path, c.want)
			}
		})
	}
}

// Members that a later version adds are ignored, and lanes are assigned again.
func TestUnknownMembersAndLanesAreIgnored(t *testing.T) {
	raw, err := example().encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode([]byte(strings.NewReplacer(`"lane":1`, `"lane":-9,"added":[1]`, `"command"`, `"more":{},"command"`).Replace(string(raw))))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(example(), got); diff != "" {
		t.Error(diff)
	}
}

func FuzzDecode(f *testing.F) {
	raw, err := example().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`{"format":1,"command":"","steps":null,"tasks":[{"end":1},{"end":1}],"seconds":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := decode(raw)
		if err != nil {
			return
		}
		if path := r.CriticalPath(); len(path) > len(r.Tasks) {
			t.Errorf("a path of %d tasks, of %d", len(path), len(r.Tasks))
		}
		if busy := r.Busy(); len(busy) > len(r.Tasks) {
			t.Errorf("%d lanes for %d tasks", len(busy), len(r.Tasks))
		}
		r.Totals()
		again, err := r.encode()
		if err != nil {
			t.Fatal(err)
		}
		same, err := decode(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, same, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

// A memory is a cache in memory.
type memory map[string][]byte

func (m memory) Record(_ context.Context, kind, key string) ([]byte, bool) {
	value, ok := m[kind+"\n"+key]
	return value, ok
}

func (m memory) SetRecord(kind, key string, value []byte) error {
	m[kind+"\n"+key] = value
	return nil
}

// A sink that keeps warnings.
type warnings struct {
	sink
	texts []string
}

func (w *warnings) Warning(text string) { w.texts = append(w.texts, text) }

func TestTheCacheKeepsTheLastRunOfEachCommandAndShard(t *testing.T) {
	m, seen := memory{}, &warnings{}
	ctx := progress.With(t.Context(), seen)
	for i, c := range []struct{ command, shard, dist string }{
		{"slipway build", "", "/dist"}, {"slipway package", "1/2", "/dist"}, {"slipway package", "2/2", "/dist"}, {"slipway package", "1/2", "/dist"}, {"slipway build", "", "/other"},
	} {
		r := example()
		r.Command, r.Shard, r.Started = c.command, c.shard, r.Started.Add(time.Duration(i)*time.Hour)
		if err := r.Keep(ctx, m, c.dist); err != nil {
			t.Fatal(err)
		}
	}
	list := func(dist string) (out []string) {
		for _, r := range Kept(ctx, m, dist) {
			out = append(out, r.Command+" "+r.Shard+" "+r.Started.Format("15"))
		}
		return out
	}
	if diff := cmp.Diff([]string{"slipway build  05", "slipway package 2/2 07", "slipway package 1/2 08"}, list("/dist")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string(nil), list("/none")); diff != "" {
		t.Error(diff)
	}
	delete(m, kind+"\n"+place{"slipway build", ""}.key("/dist")) // pruned
	m[kind+"\n"+place{"slipway package", "1/2"}.key("/dist")] = json.RawMessage(`{"format":9,"command":"","steps":[],"tasks":[]}`)
	if diff := cmp.Diff([]string{"slipway package 2/2 07"}, list("/dist")); diff != "" {
		t.Error(diff)
	}
	if len(seen.texts) != 1 || !strings.HasPrefix(seen.texts[0], "leaving out the run of slipway package --shard 1/2 that the cache has: the record has format 9") {
		t.Errorf("warnings %q", seen.texts)
	}
}
