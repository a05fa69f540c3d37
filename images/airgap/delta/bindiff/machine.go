package bindiff

import (
	"bytes"
	"encoding/binary"
)

// A machine says which addresses bytes have.
type machine struct {
	kind machineKind
	// oldBase and newBase are the addresses of the first bytes of OLD and NEW in memory.
	oldBase, newBase int64
}

type machineKind int

const (
	noMachine machineKind = iota
	x86
	arm64
	machineKinds
)

// machineOf returns the machine of the largest program in OLD, whose file begins at a multiple of 512 bytes, as in a
// tar.
func machineOf(old, new []byte) machine {
	kind, oldBase := program(old)
	newKind, newBase := program(new)
	if kind != newKind {
		return machine{}
	}
	return machine{kind, oldBase, newBase}
}

// program returns the machine of the first program in b, and the address in memory of the first byte of b.
func program(b []byte) (machineKind, int64) {
	for at := 0; at+1024 <= len(b); at += 512 {
		var (
			kind machineKind
			base int64
		)
		switch {
		case bytes.HasPrefix(b[at:], []byte("\x7fELF\x02\x01")):
			kind, base = elf(b[at:])
		case bytes.HasPrefix(b[at:], []byte("MZ")):
			kind, base = portableExecutable(b[at:])
		}
		if kind != noMachine {
			return kind, base - int64(at)
		}
	}
	return noMachine, 0
}

const maxBase = 1 << 47

// elf returns the machine of an ELF file of 64 bits, little endian, and where its first byte is in memory.
func elf(b []byte) (machineKind, int64) {
	kind := map[uint16]machineKind{62: x86, 183: arm64}[binary.LittleEndian.Uint16(b[18:])]
	table := binary.LittleEndian.Uint64(b[32:])
	count := binary.LittleEndian.Uint16(b[56:])
	for i := range uint64(count) {
		const size, load = 56, 1
		at := table + i*size
		if table > 1<<20 || at+size > uint64(len(b)) {
			break
		}
		if binary.LittleEndian.Uint32(b[at:]) == load {
			base := binary.LittleEndian.Uint64(b[at+16:]) - binary.LittleEndian.Uint64(b[at+8:])
			if base < maxBase {
				return kind, int64(base)
			}
		}
	}
	return noMachine, 0
}

// portableExecutable does the same for a program for Windows. Its first section counts.
func portableExecutable(b []byte) (machineKind, int64) {
	at := uint64(binary.LittleEndian.Uint32(b[60:]))
	if at+24+120 > uint64(len(b)) || !bytes.HasPrefix(b[at:], []byte("PE\x00\x00")) {
		return noMachine, 0
	}
	kind := map[uint16]machineKind{0x8664: x86, 0xaa64: arm64}[binary.LittleEndian.Uint16(b[at+4:])]
	section := at + 24 + uint64(binary.LittleEndian.Uint16(b[at+20:]))
	if section+40 > uint64(len(b)) {
		return noMachine, 0
	}
	base := binary.LittleEndian.Uint64(b[at+24+24:]) + uint64(binary.LittleEndian.Uint32(b[section+12:])) - uint64(binary.LittleEndian.Uint32(b[section+20:]))
	if base >= maxBase {
		return noMachine, 0
	}
	return kind, int64(base)
}
