package fleet

import "testing"

// Builds go to the engine with the fewest builds of the whole fleet, and last to one that was lost.
func TestTheLeastBusyEngineIsTaken(t *testing.T) {
	var f Fleet
	all := []string{"a", "b", "c"}
	take := func(want string, of []string, except ...string) {
		t.Helper()
		if got, ok := f.take(of, except...); got != want || ok != (want != "") {
			t.Errorf("got %q, %t; want %q", got, ok, want)
		}
	}
	take("a", all)
	take("b", all)
	take("c", all)
	f.done("b", false)
	take("b", []string{"a", "b"}) // what others build with a counts
	f.done("b", false)
	take("b", all)
	f.done("a", true)
	f.done("c", false)
	take("c", all) // a has no build, but was lost
	f.done("b", false)
	take("c", []string{"b", "c"}, "b")
	take("a", []string{"a"})
	f.done("a", false)
	take("a", all) // it has finished a build
	take("", []string{"a"}, "a")
}
