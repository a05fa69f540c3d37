package rebuild

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/slipway-build/slipway/build/compare"
	"github.com/slipway-build/slipway/build/workbench/caches"
	"github.com/slipway-build/slipway/internal/process"
)

// Values of the surroundings of a rebuild, which differ from those of this process.
const (
	otherUser = "rebuilding-user"
	otherHost = "rebuilding-host"
	otherZone = "Pacific/Marquesas" // its offset is -9:30, all year
	otherLang = "C"
)

// withoutCI are the variables that name files which a CI service reads. A rebuild writes none of them.
var withoutCI = []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "SLIPWAY_OUTPUTS", "SLIPWAY_SUMMARY", "SLIPWAY_CODE_QUALITY", "SLIPWAY_PREVIOUS", "SLIPWAY_RECORD"}

// environment returns the variables of a rebuild: those of this process, with other surroundings. temp is a folder for its
// temporary files, and cache that of its content cache; empty leaves the cache as it is.
func environment(environ []string, temp, cache string) []string {
	changed := map[string]string{
		"TZ": otherZone, "LANG": otherLang, "LC_ALL": otherLang, "USER": otherUser, "LOGNAME": otherUser, "USERNAME": otherUser, "HOSTNAME": otherHost,
		"TMPDIR": temp, "TMP": temp, "TEMP": temp,
		// Values above the number of processors change the order of steps, and do not slow the build down.
		"GOMAXPROCS": strconv.Itoa(runtime.NumCPU() + 1), "JOBS": strconv.Itoa(runtime.NumCPU() + 3),
		"PROGRESS": "none", "SLIPWAY_PROJECT": "", "SLIPWAY_CACHE": cache,
		// What other machines have made proves nothing.
		"SLIPWAY_CACHE_FROM": caches.None, "SLIPWAY_CACHE_TO": caches.None, "GOCACHEPROG": "",
	}
	if runtime.GOOS == "windows" {
		changed["COMPUTERNAME"] = otherHost
	}
	for _, name := range withoutCI {
		changed[name] = ""
	}
	if cache == "" {
		delete(changed, "SLIPWAY_CACHE")
	}
	var out []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if _, ok := changed[name]; !ok {
			out = append(out, entry)
		}
	}
	for name, value := range changed {
		if value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// wrap returns the command line that runs a command with another umask and, if possible, with another name of the host.
// The umask is 0077, or 0022 if this process has that one.
func wrap(ctx context.Context, command []string) []string {
	if runtime.GOOS == "windows" {
		return command
	}
	script := `[ "$(umask)" = 0077 ] && umask 0022 || umask 0077; exec "$@"`
	plain := append([]string{"sh", "-c", script, "sh"}, command...)
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return plain
	}
	// In a namespace of its own, the command can have another name of the host. Containers often forbid namespaces.
	host := []string{"unshare", "--uts", "sh", "-c", "echo " + otherHost + ` >/proc/sys/kernel/hostname || exit; exec "$@"`, "sh"}
	try := process.Command(ctx, host[0], append(host[1:], "true")...)
	if process.Run(ctx, try) != nil {
		return plain
	}
	return append(host, plain...)
}

// minClue is the least length of names that are searched for in differences. Shorter ones occur by chance.
const minClue = 4

// clues returns the values that differ between this process and a rebuild of the project in dir. at is the project's folder
// in the rebuild, and temp its folder for temporary files.
func clues(environ []string, dir, at, temp string) []compare.Clue {
	values := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		values[name] = value
	}
	out := []compare.Clue{
		{What: "the path of the project (use -trimpath and relative paths)", First: dir, Second: at},
		{What: "the folder for temporary files (TMPDIR)", First: tempDir(values), Second: temp},
	}
	host, err := os.Hostname()
	if err != nil || len(host) < minClue {
		host = ""
	}
	name := values["USER"]
	if current, err := user.Current(); name == "" && err == nil {
		name = current.Username
	}
	if len(name) < minClue {
		name = ""
	}
	out = append(out, compare.Clue{What: "the name of the host", First: host, Second: otherHost},
		compare.Clue{What: "the name of the user (environment USER or LOGNAME)", First: name, Second: otherUser})
	return append(out, compare.Clue{What: "the time zone (environment TZ)", Second: "-0930"}, compare.Clue{What: "the time zone (environment TZ)", Second: "-09:30"})
}

// tempDir returns the folder for temporary files, unless it is one that any path may contain.
func tempDir(values map[string]string) string {
	dir := filepath.Clean(values["TMPDIR"])
	if dir == "." || dir == "/tmp" {
		return ""
	}
	return dir
}
