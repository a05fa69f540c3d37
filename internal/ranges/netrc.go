package ranges

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/slipway-build/slipway/internal/regular"
)

// maxNetrc is the size of the largest .netrc file that is read, in bytes.
const maxNetrc = 1 << 20

// netrcFor returns the credentials for a host in the file that the environment variable NETRC names, or else in
// ~/.netrc (~/_netrc on Windows), as curl reads it. It returns none if there is no such file.
func netrcFor(host string) (user, password string, err error) {
	file := os.Getenv("NETRC")
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", "", nil // a service without a home has no such file
		}
		file = filepath.Join(home, ".netrc")
		if runtime.GOOS == "windows" {
			file = filepath.Join(home, "_netrc")
		}
	}
	f, err := regular.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("reading credentials: %w", err)
	}
	defer f.Close()
	user, password, err = parseNetrc(io.LimitReader(f, maxNetrc), host)
	if err != nil {
		return "", "", fmt.Errorf("reading credentials in %s: %w", file, err)
	}
	return user, password, nil
}

// parseNetrc returns the credentials of the first machine with the name of host, or of default.
func parseNetrc(r io.Reader, host string) (user, password string, err error) {
	lines := bufio.NewScanner(r)
	var found, inMacro bool
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if inMacro {
			inMacro = line != "" // an empty line ends it
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		for i := 0; i < len(words) && !inMacro; i++ {
			value := ""
			if i+1 < len(words) {
				value = words[i+1]
			}
			switch words[i] {
			case "default":
				if found {
					return user, password, nil
				}
				found = true
				continue
			case "machine":
				if found {
					return user, password, nil
				}
				found = strings.EqualFold(value, host)
			case "login":
				if found {
					user = value
				}
			case "password":
				if found {
					password = value
				}
			case "macdef":
				inMacro = true
			}
			i++
		}
	}
	return user, password, lines.Err()
}
