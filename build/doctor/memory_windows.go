package doctor

import (
	"math"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A memoryStatus is a MEMORYSTATUSEX of the Windows API.
type memoryStatus struct {
	length, load                                                                     uint32
	total, available, totalPage, availablePage, totalVirtual, availableVirtual, more uint64
}

// availableMemory returns the memory that this machine has available, in bytes.
func availableMemory() (int64, bool) {
	status := memoryStatus{length: uint32(unsafe.Sizeof(memoryStatus{}))}
	call := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if done, _, _ := call.Call(uintptr(unsafe.Pointer(&status))); done == 0 {
		return 0, false
	}
	return int64(min(status.available, math.MaxInt64)), true
}
