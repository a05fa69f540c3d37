package process

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestMain runs the programs of TestChildrenOfAKilledProcess: "parent ADDRESS" starts "child
// ADDRESS", which starts "grandchild ADDRESS". Each sends its name to the listener, and keeps the
// connection open.
func TestMain(m *testing.M) {
	part, address, ok := strings.Cut(os.Getenv("SLIPWAY_TEST_PART"), " ")
	if !ok {
		os.Exit(m.Run())
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(conn, part)
	switch next := map[string]string{"parent": "child", "child": "grandchild"}[part]; next {
	case "":
		time.Sleep(time.Hour)
	default:
		ctx, stop := Interruptible(context.Background())
		cmd := Command(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), "SLIPWAY_TEST_PART="+next+" "+address)
		if part == "parent" {
			err = Run(ctx, cmd)
		} else {
			err = cmd.Run() // as a compiler starts its programs
		}
		stop()
		panic(err)
	}
}

func TestChildrenOfAKilledProcess(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "SLIPWAY_TEST_PART=parent "+listener.Addr().String())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Long enough for any machine; reached only after a fault.
	deadline := time.Now().Add(time.Minute)
	if err := listener.(*net.TCPListener).SetDeadline(deadline); err != nil {
		t.Fatal(err)
	}
	held := map[string]net.Conn{}
	for len(held) < 3 {
		conn, err := listener.Accept()
		if err != nil {
			_ = cmd.Process.Kill()
			t.Fatalf("only %v began: %v", held, err)
		}
		defer conn.Close()
		name, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		held[strings.TrimSpace(name)] = conn
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for name, conn := range held {
		if err := conn.SetReadDeadline(deadline); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil && os.IsTimeout(err) {
			t.Errorf("the %s outlives its parent", name)
		}
	}
}
