// Command tool does, in images that have nothing else, what RUN in tests asks
// for: each argument is one thing to do.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	for _, arg := range os.Args[1:] {
		if err := do(strings.Split(arg, ":")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
}

func do(words []string) error {
	arg := func(i int) string {
		if i >= len(words) {
			fmt.Fprintf(os.Stderr, "%s lacks a word\n", words[0])
			os.Exit(2)
		}
		return words[i]
	}
	switch words[0] {
	case "say":
		fmt.Println(arg(1))
	case "fail":
		fmt.Println(arg(1))
		os.Exit(7)
	case "write":
		if err := os.MkdirAll(filepath.Dir(arg(1)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(arg(1), []byte(arg(2)), 0o644)
	case "env":
		return os.WriteFile(arg(1), []byte(os.Getenv(arg(2))), 0o644)
	case "copy":
		data, err := os.ReadFile(arg(1))
		if err != nil {
			return err
		}
		return os.WriteFile(arg(2), data, 0o644)
	case "remove":
		return os.RemoveAll(arg(1))
	case "chmod":
		mode, err := strconv.ParseUint(arg(1), 8, 32)
		if err != nil {
			return err
		}
		return os.Chmod(arg(2), os.FileMode(mode))
	case "link":
		return os.Link(arg(1), arg(2))
	case "symlink":
		return os.Symlink(arg(1), arg(2))
	case "id":
		return os.WriteFile(arg(1), []byte(fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid())), 0o644)
	case "agent":
		conn, err := net.Dial("unix", os.Getenv("SSH_AUTH_SOCK"))
		if err != nil {
			return err
		}
		defer conn.Close()
		// RFC draft-miller-ssh-agent: a request for identities, and its answer.
		if _, err := conn.Write([]byte{0, 0, 0, 1, 11}); err != nil {
			return err
		}
		answer := make([]byte, 5)
		if _, err := io.ReadFull(conn, answer); err != nil {
			return err
		}
		if answer[4] != 12 {
			return fmt.Errorf("the agent answered %d", answer[4])
		}
		return os.WriteFile(arg(1), []byte("an agent answered"), 0o644)
	case "random":
		data := make([]byte, 16)
		if _, err := rand.Read(data); err != nil {
			return err
		}
		return os.WriteFile(arg(1), []byte(hex.EncodeToString(data)), 0o644)
	case "pause":
		fmt.Println("pausing")
		d, err := time.ParseDuration(arg(1))
		if err != nil {
			return err
		}
		time.Sleep(d)
	case "wait":
		// It ends when nobody reads what it says.
		for {
			if _, err := fmt.Println("waiting"); err != nil {
				return err
			}
			time.Sleep(100 * time.Millisecond)
		}
	default:
		return fmt.Errorf("nothing is known of %q", words[0])
	}
	return nil
}
