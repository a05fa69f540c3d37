package progress

import (
	"bytes"
	"testing"
	"time"

	"github.com/slipway-build/slipway/internal/golden"
)

func TestTable(t *testing.T) {
	table := NewTable("NAME", "SIZE", "DIGEST").AlignRight("SIZE")
	table.Add("slipway.linux-amd64", FormatBytes(14_200_000), "sha256:0123")
	table.Add("名前 is four cells", FormatBytes(7), "")
	table.Add("a\x1b[2Jhostile\nname", FormatBytes(1_000_000_000), "sha256:4567")
	var out bytes.Buffer
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, out.Bytes())
}

func TestWriteTablesLeavesOutEmptyOnes(t *testing.T) {
	some := NewTable("A")
	some.Add("1")
	var out bytes.Buffer
	if err := WriteTables(&out, []string{"first", "second"}, NewTable("NONE"), some); err != nil {
		t.Fatal(err)
	}
	if want := "first\nsecond\n\nA\n1\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 45_230_000: "45.2 MB", 999_949: "999.9 kB", 999_950: "1.0 MB",
		999_999_999: "1.0 GB", 2_147_483_648: "2.1 GB", 1<<63 - 1: "9.2 EB",
	} {
		if got := FormatBytes(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.0s", 250 * time.Millisecond: "0.3s", 59*time.Second + 900*time.Millisecond: "59.9s",
		59*time.Second + 960*time.Millisecond: "1m00s", 65 * time.Second: "1m05s",
		59*time.Minute + 59*time.Second + 400*time.Millisecond: "59m59s", 123 * time.Minute: "2h03m",
	} {
		if got := FormatDuration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                     "plain",
		"a\tb":                      "a b",
		"\x1b[1;31mred\x1b[0m":      "red",
		"title \x1b]0;x\x07 stays":  "title ]0;x stays",
		"cut off \x1b[12":           "cut off ",
		"bell\a back\b return\r":    "bell back return",
		"c1 \u009b31m, not a color": "c1 31m, not a color",
		"名前":                        "名前",
	} {
		if got := printable(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
