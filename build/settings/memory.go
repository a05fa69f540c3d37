package settings

import "runtime/debug"

// What a process holds, in bytes: each zstd encoder at its best level keeps tables
// and a window of 32 MiB.
const (
	memoryAtRest = 40 << 20
	memoryPerJob = 80 << 20
)

// LimitMemory tells the garbage collector what a run needs, for the doors to call
// once. Left alone it lets the heap grow to twice of what compressors hold, which
// is most of it. GOMEMLIMIT and GOGC, if the user has set them, win.
func (s Settings) LimitMemory() {
	for _, name := range []string{"GOMEMLIMIT", "GOGC"} {
		if _, set := s.Getenv(name); set {
			return
		}
	}
	debug.SetMemoryLimit(memoryAtRest + int64(s.Jobs)*memoryPerJob)
}
