package rpm

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rpmdb "github.com/knqyf263/go-rpmdb/pkg"

	"github.com/slipway-build/slipway/images/imagetest"
)

// databases returns the folder with the databases that the module go-rpmdb is tested with.
func databases(t testing.TB) string {
	t.Helper()
	dir, err := exec.Command(imagetest.Program(t, "go"), "list", "-m", "-f", "{{.Dir}}", "github.com/knqyf263/go-rpmdb").Output()
	if err != nil {
		t.Fatalf("looking for go-rpmdb: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(dir)), "pkg", "testdata")
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(databases(t), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Berkeley DB and ndb are compared with go-rpmdb, which reads SQLite only with a driver.
func TestInstalledAgreesWithGoRPMDB(t *testing.T) {
	for _, name := range []string{"centos5-plain/Packages", "centos7-plain/Packages", "ubi8-s390x/Packages", "sle15-bci/Packages.db", "libuuid/Packages"} {
		t.Run(name, func(t *testing.T) {
			content := read(t, name)
			got, err := Installed(bytes.NewReader(content), int64(len(content)))
			if err != nil {
				t.Fatal(err)
			}
			db, err := rpmdb.Open(filepath.Join(databases(t), filepath.FromSlash(name)))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			packages, err := db.ListPackages()
			if err != nil {
				t.Fatal(err)
			}
			packages = slices.DeleteFunc(packages, func(p *rpmdb.PackageInfo) bool { return p.Name == "gpg-pubkey" })
			if len(got) != len(packages) {
				t.Fatalf("found %d packages, go-rpmdb finds %d", len(got), len(packages))
			}
			for i, p := range packages {
				files, err := p.InstalledFileNames()
				if err != nil {
					t.Fatal(err)
				}
				for j := range files {
					files[j] = strings.TrimPrefix(files[j], "/")
				}
				epoch := ""
				if p.Epoch != nil {
					epoch = strconv.Itoa(*p.Epoch)
				}
				want := Header{Name: p.Name, Version: p.Version, Release: p.Release, Epoch: epoch, Arch: p.Arch, SourceRPM: p.SourceRpm,
					License: p.License, Vendor: p.Vendor, Summary: p.Summary, Files: files, URL: got[i].URL, Payload: got[i].Payload}
				if diff := cmp.Diff(want, *got[i]); diff != "" {
					t.Errorf("package %d (-go-rpmdb +got):\n%s", i, diff)
				}
			}
		})
	}
}

func TestInstalledReadsSQLite(t *testing.T) {
	for name, want := range map[string]int{"fedora35/rpmdb.sqlite": 137, "cbl-mariner-2.0/rpmdb.sqlite": 129} {
		content := read(t, name)
		got, err := Installed(bytes.NewReader(content), int64(len(content)))
		if err != nil || len(got) != want {
			t.Errorf("%s: %d packages, %v; want %d", name, len(got), err, want)
		}
		for _, h := range got {
			if h.Name == "" || h.Version == "" || h.Release == "" || h.License == "" {
				t.Errorf("%s: incomplete package %+v", name, h)
			}
		}
	}
}

// Whatever is changed in a database, reading it ends, and does not panic.
func TestDamagedDatabasesEnd(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"libuuid/Packages", "sle15-bci/Packages.db", "cbl-mariner-2.0/rpmdb.sqlite"} {
		original := read(t, name)
		for range 60 {
			damaged := slices.Clone(original)
			for range 1 + random.IntN(200) {
				// Most offsets are in the first pages and at the starts of pages.
				at := random.IntN(len(damaged))
				if random.IntN(2) == 0 {
					at = at&^4095 + random.IntN(40)
				}
				if at < len(damaged) {
					damaged[at] = byte(random.IntN(256))
				}
			}
			damaged = damaged[:len(damaged)-random.IntN(len(damaged)/2)]
			Installed(bytes.NewReader(damaged), int64(len(damaged)))
		}
	}
}

func FuzzInstalled(f *testing.F) {
	sqlite := make([]byte, 1024)
	copy(sqlite, sqliteMagic)
	binary.BigEndian.PutUint16(sqlite[16:], 512)
	sqlite[100], sqlite[104] = tableInterior, 1
	sqlite[111], sqlite[113] = 1, 120 // its pages are the first one
	f.Add(sqlite)
	f.Add(circularHash())
	ndb := make([]byte, 32+16*300)
	copy(ndb, "RpmP")
	ndb[12] = 1
	copy(ndb[32:], "Slot\x01\x00\x00\x00\x20")
	copy(ndb[512:], "BlbS\x01\x00\x00\x00\x00\x00\x00\x00\x20")
	f.Add(ndb)
	f.Fuzz(func(t *testing.T, content []byte) {
		headers, err := Installed(bytes.NewReader(content), int64(len(content)))
		total := 0
		for _, h := range headers {
			total += len(h.Name) + len(h.Summary)
		}
		if total > 2*len(content) {
			t.Errorf("%d bytes of text in a database of %d bytes, %v", total, len(content), err)
		}
	})
}
