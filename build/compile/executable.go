package compile

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/images"
	"github.com/slipway-build/slipway/internal/regular"
)

// An executable is the output of a linker. At most one of elf, pe and macho is set; Go's other
// object formats are recognized only by their first bytes.
type executable struct {
	file  *os.File
	magic [4]byte
	elf   *elf.File
	pe    *pe.File
	macho *macho.File
}

// openExecutable reads the headers of the executable at path.
func openExecutable(path string) (*executable, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	x := &executable{file: f}
	if _, err = io.ReadFull(f, x.magic[:]); err == nil {
		switch {
		case string(x.magic[:]) == elf.ELFMAG:
			x.elf, err = elf.NewFile(f)
		case string(x.magic[:2]) == "MZ":
			x.pe, err = pe.NewFile(f)
		case binary.LittleEndian.Uint32(x.magic[:]) == macho.Magic64:
			x.macho, err = macho.NewFile(f)
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("reading the program's headers: %w", err)
	}
	return x, nil
}

func (x *executable) Close() error { return x.file.Close() }

// An elfMachine identifies an architecture in an ELF header.
type elfMachine struct {
	machine elf.Machine
	class   elf.Class
	order   elf.Data
}

// elfMachines are those of Go's architectures (cmd/link/internal/ld/elf.go).
var elfMachines = map[string]elfMachine{
	"386":      {elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"amd64":    {elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"arm":      {elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"arm64":    {elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"loong64":  {elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"mips":     {elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB},
	"mipsle":   {elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"mips64":   {elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"mips64le": {elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"ppc64":    {elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"ppc64le":  {elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"riscv64":  {elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"s390x":    {elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB},
}

var peMachines = map[string]uint16{
	"386":   pe.IMAGE_FILE_MACHINE_I386,
	"amd64": pe.IMAGE_FILE_MACHINE_AMD64,
	"arm64": pe.IMAGE_FILE_MACHINE_ARM64,
}

var machoCPUs = map[string]macho.Cpu{
	"amd64": macho.CpuAmd64,
	"arm64": macho.CpuArm64,
}

// errWrongPlatform is the reason in an error of runsOn.
var errWrongPlatform = errors.New("not for")

// runsOn returns an error unless x is a program for platform p.
func (x *executable) runsOn(p v1.Platform) error {
	var ok bool
	switch p.OS {
	case "windows":
		ok = x.pe != nil && x.pe.Machine == peMachines[p.Architecture] &&
			x.pe.Characteristics&(pe.IMAGE_FILE_EXECUTABLE_IMAGE|pe.IMAGE_FILE_DLL) == pe.IMAGE_FILE_EXECUTABLE_IMAGE
	case "darwin":
		ok = x.macho != nil && x.macho.Cpu == machoCPUs[p.Architecture] && x.macho.Type == macho.TypeExec
	case "aix":
		ok = string(x.magic[:2]) == "\x01\xf7" // XCOFF64
	case "wasip1":
		ok = string(x.magic[:]) == "\x00asm"
	default:
		ok = x.elf != nil && (x.elf.Type == elf.ET_EXEC || x.elf.Type == elf.ET_DYN) &&
			elfMachines[p.Architecture] == elfMachine{x.elf.Machine, x.elf.Class, x.elf.Data}
	}
	if !ok {
		return fmt.Errorf("the binary is %w %s but %s", errWrongPlatform, images.FormatPlatform(p), x)
	}
	return nil
}

// String describes x for messages.
func (x *executable) String() string {
	switch {
	case x.elf != nil:
		return fmt.Sprintf("ELF (%s, %s)", x.elf.Type, x.elf.Machine)
	case x.pe != nil:
		return fmt.Sprintf("PE (machine 0x%x, characteristics 0x%x)", x.pe.Machine, x.pe.Characteristics)
	case x.macho != nil:
		return fmt.Sprintf("Mach-O (%s, %s)", x.macho.Type, x.macho.Cpu)
	}
	return fmt.Sprintf("a file that begins with %q", x.magic[:])
}
