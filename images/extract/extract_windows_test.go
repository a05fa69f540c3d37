package extract

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/slipway-build/slipway/images/imagetest"
)

// An upgrade replaces running programs, such as the kubelet: their files are moved aside, and
// removed by the next extraction after the programs have ended.
func TestExtractReplacesAFolderWhoseProgramRuns(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "bin")
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	plant(t, final, "other=old sub/third=old")
	program := filepath.Join(final, "kubelet.exe")
	if err := os.WriteFile(program, self, 0o755); err != nil {
		t.Fatal(err)
	}
	running := exec.Command(program)
	running.Env = append(os.Environ(), waitVariable+"=1")
	input, err := running.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := running.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			input.Close()
			running.Wait()
		}
	}
	defer end()
	img := layered(t, "windows/amd64:10.0.20348.4294", imagetest.Layer(t, imagetest.Files{"bin/kubelet.exe": "new", "bin/other": "new"}))
	for range 2 {
		if _, err := Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: final}}, Limits{}); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, final); got != "kubelet.exe=new other=new " {
			t.Errorf("there is %.200s", got)
		}
	}
	end()
	if _, err := Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: final}}, Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := tree(t, dir); got != "bin/kubelet.exe=new bin/other=new " {
		t.Errorf("there is %.200s", got)
	}
}

// If a file cannot be moved, the error names it, and nothing has changed.
func TestExtractNamesTheFileInUse(t *testing.T) {
	dir := t.TempDir()
	final := filepath.Join(dir, "bin")
	plant(t, final, "a=old log=old z=old")
	open, err := os.Open(filepath.Join(final, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	img := layered(t, "windows/amd64:10.0.20348.4294", imagetest.Layer(t, imagetest.Files{"bin/a": "new"}))
	_, err = Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: final}}, Limits{})
	if err == nil || !strings.Contains(err.Error(), filepath.Join(final, "log")+" is in use") {
		t.Errorf("extracting over an open file: %v", err)
	}
	if got := tree(t, dir); got != "bin/a=old bin/log=old bin/z=old " {
		t.Errorf("there is %s", got)
	}
}

// Folders may be deeper than MAX_PATH.
func TestExtractWritesLongPaths(t *testing.T) {
	final := filepath.Join(t.TempDir(), "bin")
	long := strings.Repeat("a-folder-with-a-long-name/", 14) + "file"
	img := layered(t, "windows/amd64:10.0.20348.4294", imagetest.Layer(t, imagetest.Files{"bin/" + long: "x"}))
	for range 2 {
		if _, err := Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: final}}, Limits{}); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, final); got != long+"=x " {
			t.Errorf("there is %s", got)
		}
	}
}

// Without the right to create links, the error names users who have it, and nothing has changed.
// Under Wine, no user has it.
func TestExtractWithoutTheRightToMakeLinks(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	err = root.Symlink("there", "link")
	if err == nil {
		err = root.Remove("link")
	}
	root.Close()
	if err == nil {
		t.Skip("links can be made here")
	}
	plant(t, filepath.Join(dir, "bin"), "a=old")
	img := layered(t, "linux/amd64", imagetest.LayerOf(t, types.OCILayer, imagetest.ParseListing(t, "-rw-r--r-- 0:0 bin/a \"new\"\nlrwxrwxrwx 0:0 bin/l -> a")...))
	_, err = Folders(t.Context(), img, []Folder{{Path: "/bin", Dest: filepath.Join(dir, "bin")}}, Limits{})
	if err == nil || !strings.Contains(err.Error(), "making the link /bin/l") || !strings.Contains(err.Error(), "developer mode") {
		t.Errorf("extracting a link: %v", err)
	}
	if got := tree(t, dir); got != "bin/a=old " {
		t.Errorf("there is %s", got)
	}
}
