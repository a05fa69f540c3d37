package settings

import "runtime/debug"

// Memory that a process uses, in bytes. Each zstd encoder at its best level has tables and a window of 32 MiB.
const (
	memoryAtRest = 40 << 20
	memoryPerJob = 80 << 20
	memoryOfCode = 40 << 20 // pages of the program's file, which the garbage collector does not count
)

// LimitMemory sets the memory limit of the garbage collector to the need of a run. Without a limit, the heap may grow
// to twice the memory of the encoders, which is most of it. If GOMEMLIMIT or GOGC is set, LimitMemory does nothing.
// Programs call it once.
func (s Settings) LimitMemory() {
	for _, name := range []string{"GOMEMLIMIT", "GOGC"} {
		if _, set := s.Getenv(name); set {
			return
		}
	}
	debug.SetMemoryLimit(s.Memory())
}

// Memory returns the need of a run, in bytes. Compilers and engines need more.
func (s Settings) Memory() int64 { return memoryAtRest + int64(s.Jobs)*memoryPerJob }

// Peak returns the most memory that the system counts for a run, in bytes: 181 MiB were measured for one job, and 237 MiB
// for two.
func (s Settings) Peak() int64 { return s.Memory() + memoryOfCode }
