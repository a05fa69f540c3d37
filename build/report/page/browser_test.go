package page

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/slipway-build/slipway/build/record"
	"github.com/slipway-build/slipway/build/report"
	"github.com/slipway-build/slipway/images/imagetest"
	"github.com/slipway-build/slipway/internal/testfile"
)

// A visit is what Chromium says about a page.
type visit struct {
	dom        string
	screenshot image.Image
	// console has the messages of the console, such as violations of the security policy.
	console []string
	// requests are the requests of the page to the network.
	requests []string
}

// open opens a page in a headless Chromium that reaches no host. arguments say what it does.
func open(t *testing.T, page string, arguments ...string) visit {
	t.Helper()
	program := imagetest.Program(t, "chromium")
	dir := t.TempDir()
	file, log, shot := filepath.Join(dir, "page.html"), filepath.Join(dir, "net.json"), filepath.Join(dir, "shot.png")
	testfile.Write(t, file, page)
	arguments = append([]string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-extensions", "--force-device-scale-factor=1", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr",
		"--user-data-dir=" + filepath.Join(dir, "profile"), "--log-net-log=" + log}, arguments...)
	for i, a := range arguments {
		if a == "--screenshot" {
			arguments[i] += "=" + shot
		}
	}
	cmd := exec.CommandContext(t.Context(), program, append(arguments, (&url.URL{Scheme: "file", Path: filepath.ToSlash(file)}).String())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("chromium: %v\n%s", err, errs.String())
	}
	v := visit{dom: out.String(), requests: requestsIn(t, log)}
	for line := range strings.Lines(errs.String()) {
		if strings.Contains(line, "CONSOLE") {
			v.console = append(v.console, line)
		}
	}
	if raw, err := os.ReadFile(shot); err == nil {
		if v.screenshot, err = png.Decode(bytes.NewReader(raw)); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// requestsIn returns the addresses that a page has requested, from the log of Chromium's network stack.
func requestsIn(t testing.TB, file string) (all []string) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var log struct {
		Constants struct {
			Types map[string]int `json:"logEventTypes"`
		} `json:"constants"`
		Events []struct {
			Type   int `json:"type"`
			Params struct {
				URL       string `json:"url"`
				Initiator string `json:"initiator"`
			} `json:"params"`
		} `json:"events"`
	}
	if err := json.Unmarshal(raw, &log); err != nil {
		t.Fatal(err)
	}
	started, ok := log.Constants.Types["URL_REQUEST_START_JOB"]
	if !ok {
		t.Fatal("the log of Chromium does not know URL_REQUEST_START_JOB")
	}
	for _, e := range log.Events {
		// Chromium's own requests, such as for updates, have no origin.
		if e.Type == started && e.Params.URL != "" && e.Params.Initiator != "not an origin" {
			all = append(all, e.Params.URL)
		}
	}
	return all
}

// pages are the reports that the tests open.
func pages(t *testing.T) map[string]string {
	return map[string]string{"small": write(t, small(t)), "large": write(t, large(t, 60)), "empty": write(t, &report.Document{Project: "acme"})}
}

func TestBrowserReadsThePageWithoutNetwork(t *testing.T) {
	for name, page := range pages(t) {
		v := open(t, page, "--dump-dom")
		if len(v.console) > 0 || len(v.requests) > 0 {
			t.Errorf("%s: console %q, requests %q", name, v.console, v.requests)
		}
		if name != "empty" && !strings.Contains(v.dom, `<button type="button">`) {
			t.Errorf("%s: the policy forbids the script", name)
		}
	}
	bad := open(t, `<img src="http://127.0.0.1:9/x"><script>console.error("x")</script>`, "--dump-dom")
	if len(bad.console) == 0 || len(bad.requests) == 0 {
		t.Errorf("a page with a request and an error: console %q, requests %q", bad.console, bad.requests)
	}
}

// Without JavaScript, the page looks the same, since no table of the small report is long enough for a filter.
func TestBrowserNeedsNoScript(t *testing.T) {
	page := write(t, small(t))
	with := open(t, page, "--screenshot", "--window-size=1280,2400")
	// With its JavaScript disabled, Chromium takes no screenshots.
	without := open(t, scripts.ReplaceAllString(page, "script-src 'none'"), "--screenshot", "--window-size=1280,2400")
	if len(without.console) == 0 {
		t.Error("the script was allowed")
	}
	colors := map[any]bool{}
	for y := range 2400 {
		for x := range 1280 {
			colors[with.screenshot.At(x, y)] = true
			if with.screenshot.At(x, y) != without.screenshot.At(x, y) {
				t.Fatalf("the page without JavaScript differs at %d, %d", x, y)
			}
		}
	}
	if len(colors) < 20 {
		t.Errorf("the page has %d colors, and is empty", len(colors))
	}
}

// The page is not wider than its window: wide tables and pictures scroll in boxes of their own. The narrowest window of
// Chromium is 500 wide, so the test sets the width of the page.
func TestBrowserDoesNotScrollSideways(t *testing.T) {
	for name, page := range pages(t) {
		var got map[int]int
		probe(t, page, `const widths = {};
			for (const width of [1280, 480, 320]) { document.documentElement.style.width = width + "px"; widths[width] = document.body.scrollWidth; }
			done(widths);`, &got, "--window-size=1280,800")
		for width, found := range got {
			if found > width {
				t.Errorf("%s: the page is %d wide in a window of %d", name, found, width)
			}
		}
	}
}

// On paper of 19 cm, which is 718 wide, nothing is clipped.
func TestBrowserPrintsEverything(t *testing.T) {
	for name, page := range pages(t) {
		var clipped []string
		probe(t, strings.Replace(page, "@media print", "@media all", 1), `document.querySelectorAll("details").forEach((d) => { d.open = true; });
			done([...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.textContent.trim().slice(0, 60)));`,
			&clipped, "--window-size=718,1000")
		if len(clipped) > 0 {
			t.Errorf("%s: these are wider than the paper: %q", name, clipped)
		}
	}
}

func TestBrowserSortsAndFilters(t *testing.T) {
	var got struct {
		First, Last, Sort string
		Rows              int
	}
	probe(t, write(t, large(t, 60)), `
		const table = [...document.querySelectorAll("table")].find((t) => t.caption.textContent.startsWith("Binaries by platform"));
		const head = table.tHead.rows[0].cells[2];
		head.querySelector("button").click();
		head.querySelector("button").click();
		const rows = [...table.tBodies[0].rows];
		const input = table.parentElement.previousElementSibling.querySelector("input");
		input.value = "KUBELET arm64";
		input.dispatchEvent(new Event("input"));
		done({First: rows[0].cells[2].dataset.v, Last: rows.at(-1).cells[2].dataset.v, Sort: head.getAttribute("aria-sort"), Rows: rows.filter((r) => !r.hidden).length});`, &got)
	if got.Rows != 1 || got.Sort != "ascending" || len(got.First) > len(got.Last) || got.First >= got.Last && len(got.First) == len(got.Last) {
		t.Errorf("got %+v, want one row, from the smallest to the largest", got)
	}
}

// axe-core finds no violation of WCAG 2.1 A and AA and of its best practices, in light and dark.
func TestBrowserFindsThePageAccessible(t *testing.T) {
	axe := axeCore(t)
	all := pages(t)
	for _, c := range []struct {
		page, look string
		width      int
	}{{"small", "light", 1280}, {"small", "dark", 500}, {"large", "light", 500}, {"large", "dark", 1280}, {"empty", "light", 1280}} {
		var found struct {
			Passes     int
			Violations []struct{ ID, Help, Where string }
		}
		arguments := []string{"--virtual-time-budget=20000", fmt.Sprintf("--window-size=%d,900", c.width)}
		if c.look == "dark" {
			arguments = append(arguments, "--blink-settings=preferredColorScheme=0")
		}
		probe(t, all[c.page], axe+`;
			document.querySelectorAll("details").forEach((d) => { d.open = true; });
			axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}).then((found) => done({Passes: found.passes.length,
				Violations: found.violations.map((v) => ({ID: v.id, Help: v.help, Where: v.nodes[0].html + " " + (v.nodes[0].failureSummary ?? "")}))}));`, &found, arguments...)
		for _, v := range found.Violations {
			t.Errorf("%s, %s, %d wide: %s: %s: %.300s", c.page, c.look, c.width, v.ID, v.Help, v.Where)
		}
		if found.Passes < 15 {
			t.Errorf("%s: only %d rules applied", c.page, found.Passes)
		}
	}
}

// axeCore returns the source of axe-core.
func axeCore(t testing.TB) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	var raw []byte
	if err == nil {
		raw, err = os.ReadFile(filepath.Join(cache, "slipway-tools", "axe.min.js"))
	}
	if err != nil {
		testfile.Missing(t, "axe-core is not installed (scripts/tools/axe.sh): %v", err)
	}
	return string(raw)
}

var (
	scripts = regexp.MustCompile(`script-src 'sha256-[^']*'`)
	policy  = regexp.MustCompile(`<meta http-equiv="Content-Security-Policy"[^>]*>`)
	answer  = regexp.MustCompile(`(?s)<pre id="answer">(.*?)</pre>`)
)

// probe runs a script in a copy of a page without its policy. The script calls done with its result.
func probe(t *testing.T, page, script string, result any, arguments ...string) {
	t.Helper()
	const answering = `<script>function done(value) { const e = document.createElement("pre"); e.id = "answer"; e.textContent = JSON.stringify(value); document.body.append(e); }</script>`
	page = strings.Replace(policy.ReplaceAllString(page, ""), "</body>", "", 1)
	page = strings.Replace(page, "</html>", answering+"<script>"+script+"</script></body></html>", 1)
	v := open(t, page, append([]string{"--dump-dom"}, arguments...)...)
	found := answer.FindStringSubmatch(v.dom)
	if found == nil {
		t.Fatalf("the script has no result; console %q", v.console)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), result); err != nil {
		t.Fatal(err)
	}
}

// The first paint of a page with 1,000 tasks is measured, and not judged: docs/performance.md has the figures.
func TestBrowserPaintsALargePage(t *testing.T) {
	page := write(t, large(t, 1000))
	var milliseconds float64
	probe(t, page, `const paint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
		let tries = 0;
		const look = () => paint() || ++tries > 100 ? done(paint() ?? 0) : setTimeout(look, 50);
		look();`, &milliseconds, "--virtual-time-budget=10000")
	t.Logf("%d bytes, first paint after %.0f ms", len(page), milliseconds)
	if len(page) > 2_000_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
}

// TestScreenshots writes the pictures of docs/report.md with -update.
func TestScreenshots(t *testing.T) {
	if flag.Lookup("update").Value.String() != "true" {
		t.Skip("the pictures depend on the fonts of the machine; -update writes them")
	}
	compared := large(t, 60)
	alone, last := *compared, *compared.Runs[2]
	last.Warnings = nil
	alone.Changes, alone.Runs = nil, []*record.Record{compared.Runs[0], compared.Runs[1], &last}
	for name, c := range map[string]struct {
		r         *report.Document
		arguments []string
	}{
		"report-light.png": {&alone, []string{"--window-size=1280,1150"}},
		"report-dark.png":  {compared, []string{"--window-size=500,1150", "--blink-settings=preferredColorScheme=0"}},
	} {
		v := open(t, write(t, c.r), append(c.arguments, "--screenshot")...)
		var out bytes.Buffer
		encoder := png.Encoder{CompressionLevel: png.BestCompression}
		if err := encoder.Encode(&out, withPalette(v.screenshot)); err != nil {
			t.Fatal(err)
		}
		if out.Len() > 150_000 {
			t.Errorf("%s has %d bytes, want at most 150,000", name, out.Len())
		}
		testfile.Write(t, filepath.Join("..", "..", "..", "docs", name), out.String())
	}
}

// withPalette returns a picture with its 256 most frequent colors, which makes the file smaller.
func withPalette(from image.Image) *image.Paletted {
	counts := map[color.Color]int{}
	bounds := from.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			counts[from.At(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	to := image.NewPaletted(bounds, all[:min(len(all), 256)])
	nearest := map[color.Color]uint8{}
	for c := range counts {
		nearest[c] = uint8(to.Palette.Index(c))
	}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			to.SetColorIndex(x, y, nearest[from.At(x, y)])
		}
	}
	return to
}
