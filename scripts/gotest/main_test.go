package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		passed         bool
	}{
		{"nothing", "", "", false},
		{"passed", `{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:3: logged\n"}
{"Action":"pass","Package":"a","Test":"TestX","Elapsed":2.5}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"output","Package":"a","Output":"ok  \ta\t2.6s\n"}
{"Action":"pass","Package":"a","Elapsed":2.6}
`, "slowest tests:\n     2.5s  TestX  a\nok  \ta\t2.6s\n", true},
		{"failed", `{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:3: bad\n"}
{"Action":"fail","Package":"a","Test":"TestX","Elapsed":0}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
{"Action":"output","Package":"b","Output":"ok  \tb\t0.1s\n"}
{"Action":"pass","Package":"b"}
`, "    x_test.go:3: bad\nFAIL\ta\t0.1s\nok  \tb\t0.1s\n", false},
		{"killed while a test said nothing", `{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
`, "FAIL\ta\t0.1s\n--- NOT ENDED: TestX\n", false},
		{"ended by a panic", `{"Action":"output","Package":"a","Test":"TestX","Output":"panic: oh\n"}
{"Action":"output","Package":"a","Output":"FAIL\ta\t0.1s\n"}
{"Action":"fail","Package":"a"}
`, "FAIL\ta\t0.1s\npanic: oh\n--- NOT ENDED: TestX\n", false},
		{"not built", `{"ImportPath":"a","Action":"build-output","Output":"# a\n"}
{"ImportPath":"a","Action":"build-fail"}
{"Action":"output","Package":"a","Output":"FAIL\ta [build failed]\n"}
{"Action":"fail","Package":"a"}
`, "# a\nFAIL\ta [build failed]\n", false},
		{"what is not JSON", "go: no such package\n", "go: no such package\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			excused, err := readLimits("")
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			passed, err := run(strings.NewReader(c.in), &out, excused)
			if err != nil || passed != c.passed || out.String() != c.want {
				t.Errorf("got %v, %v and %q; want %v and %q", passed, err, out.String(), c.passed, c.want)
			}
		})
	}
}
