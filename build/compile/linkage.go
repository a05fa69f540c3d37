package compile

import (
	"bytes"
	"debug/buildinfo"
	"debug/elf"
	"debug/pe"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// static returns an error unless x is linked statically.
func (x *executable) static() error {
	switch {
	case x.elf != nil:
		return staticELF(x.elf)
	case x.pe != nil:
		return staticPE(x.pe)
	}
	return cannotTell(x)
}

// staticELF checks that no dynamic linker starts the program (PT_INTERP) and that it loads no
// library (DT_NEEDED).
func staticELF(f *elf.File) error {
	var why []string
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			name, err := io.ReadAll(io.LimitReader(p.Open(), 4096))
			if err != nil {
				return fmt.Errorf("reading PT_INTERP: %w", err)
			}
			why = append(why, "is started by "+strings.TrimRight(string(name), "\x00"))
		}
	}
	needed, err := f.DynString(elf.DT_NEEDED)
	if err != nil {
		return fmt.Errorf("reading DT_NEEDED: %w", err)
	}
	if len(needed) > 0 {
		why = append(why, "needs "+strings.Join(needed, ", "))
	}
	if len(why) > 0 {
		return fmt.Errorf(`it %s; set CGO_ENABLED: "0" in env, or, if it needs C, add -linkmode=external and -extldflags=-static to ldflags, and netgo and osusergo to tags`, strings.Join(why, " and "))
	}
	return nil
}

// systemDLLs are libraries that are part of every Windows. A Windows program always imports some,
// since system calls are only available through them. A program fails on another machine because of
// a library of the C compiler, such as mingw's libgcc_s_seh-1.dll and libwinpthread-1.dll.
var systemDLLs = map[string]bool{
	"advapi32.dll": true, "bcrypt.dll": true, "bcryptprimitives.dll": true, "cfgmgr32.dll": true,
	"combase.dll": true, "comctl32.dll": true, "comdlg32.dll": true, "computecore.dll": true,
	"computenetwork.dll": true, "crypt32.dll": true, "dbghelp.dll": true, "dnsapi.dll": true,
	"fltlib.dll": true, "fwpuclnt.dll": true, "gdi32.dll": true, "imm32.dll": true, "iphlpapi.dll": true,
	"kernel32.dll": true, "kernelbase.dll": true, "mpr.dll": true, "msvcrt.dll": true, "mswsock.dll": true,
	"ncrypt.dll": true, "netapi32.dll": true, "normaliz.dll": true, "ntdll.dll": true, "ole32.dll": true,
	"oleaut32.dll": true, "pdh.dll": true, "powrprof.dll": true, "psapi.dll": true, "rpcrt4.dll": true,
	"secur32.dll": true, "setupapi.dll": true, "shell32.dll": true, "shlwapi.dll": true, "sspicli.dll": true,
	"synchronization.dll": true, "ucrtbase.dll": true, "user32.dll": true, "userenv.dll": true,
	"version.dll": true, "virtdisk.dll": true, "wevtapi.dll": true, "winhttp.dll": true, "wininet.dll": true,
	"winmm.dll": true, "winspool.drv": true, "wintrust.dll": true, "wldap32.dll": true, "ws2_32.dll": true,
	"wtsapi32.dll": true,
}

// staticPE checks that every imported library is a part of Windows. API sets (api-ms-win-crt-…,
// ext-ms-win-…) are names for such libraries.
func staticPE(f *pe.File) error {
	// debug/pe's ImportedLibraries always returns nothing; symbols have the form name:library.
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return fmt.Errorf("reading the import table: %w", err)
	}
	foreign := map[string]bool{}
	for _, s := range symbols {
		library := strings.ToLower(s[strings.LastIndexByte(s, ':')+1:])
		if !systemDLLs[library] && !strings.HasPrefix(library, "api-ms-win-") && !strings.HasPrefix(library, "ext-ms-win-") {
			foreign[library] = true
		}
	}
	if len(foreign) > 0 {
		return fmt.Errorf(`it needs %s, which Windows does not have; set CGO_ENABLED: "0" in env, or add -linkmode=external and -extldflags=-static to ldflags`, strings.Join(slices.Sorted(maps.Keys(foreign)), ", "))
	}
	return nil
}

// pie returns an error unless x can be loaded at any address.
func (x *executable) pie() error {
	switch {
	case x.elf != nil:
		// Shared libraries are ET_DYN, too; the flag distinguishes them.
		flags, err := x.elf.DynValue(elf.DT_FLAGS_1)
		if err != nil {
			return fmt.Errorf("reading DT_FLAGS_1: %w", err)
		}
		if x.elf.Type == elf.ET_DYN && len(flags) > 0 && elf.DynFlag1(flags[0])&elf.DF_1_PIE != 0 {
			return nil
		}
	case x.pe != nil:
		const dynamicBase = pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE
		relocatable := x.pe.Characteristics&pe.IMAGE_FILE_RELOCS_STRIPPED == 0
		switch header := x.pe.OptionalHeader.(type) {
		case *pe.OptionalHeader32:
			relocatable = relocatable && header.DllCharacteristics&dynamicBase != 0
		case *pe.OptionalHeader64:
			relocatable = relocatable && header.DllCharacteristics&dynamicBase != 0
		}
		if relocatable {
			return nil
		}
	default:
		return cannotTell(x)
	}
	return errors.New("it can only be loaded at a fixed address; set buildmode: pie")
}

// fips returns an error unless the cryptography of x is validated.
func (x *executable) fips() error {
	info, err := buildinfo.Read(x.file)
	if err != nil {
		return fmt.Errorf("reading how it was built: %w", err)
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	experiments := strings.Split(settings["GOEXPERIMENT"], ",")
	module := settings["GOFIPS140"]
	switch {
	case slices.Contains(experiments, "boringcrypto"):
		// Where BoringCrypto does not exist or CGO is off, the experiment silently falls back to
		// Go's own code.
		return boringCrypto(x)
	case module == "" || module == "off":
		return errors.New("it was built without validated cryptography; set GOFIPS140: v1.0.0 in env (or goexperiment: [boringcrypto] with CGO_ENABLED)")
	case module == "latest":
		return errors.New("GOFIPS140=latest is this Go release's own version, which is not validated; set GOFIPS140: v1.0.0 in env")
	}
	// A //go:debug line or go.mod's godebug can turn it off again.
	for _, setting := range strings.Split(settings["DefaultGODEBUG"], ",") {
		if setting == "fips140=on" || setting == "fips140=only" {
			return nil
		}
	}
	return fmt.Errorf("it has the Go Cryptographic Module %s but does not enable it: a //go:debug or godebug line sets fips140", module)
}

// boringSymbol is the prefix of BoringCrypto's functions in Go (crypto/internal/boring).
const boringSymbol = "_Cfunc__goboringcrypto_"

// boringCrypto looks for BoringCrypto's functions in the names that Go keeps for stack traces;
// unlike the symbol table, -ldflags=-s does not remove them.
func boringCrypto(x *executable) error {
	if x.elf == nil {
		return cannotTell(x)
	}
	for _, section := range x.elf.Sections {
		if !strings.HasSuffix(section.Name, ".gopclntab") {
			continue
		}
		found, err := contains(section.Open(), []byte(boringSymbol))
		if err != nil {
			return fmt.Errorf("reading section %s: %w", section.Name, err)
		}
		if found {
			return nil
		}
	}
	return errors.New(`it was built with GOEXPERIMENT=boringcrypto, but BoringCrypto is not linked in: that requires CGO_ENABLED: "1", linux/amd64 or linux/arm64, and a program that uses crypto`)
}

// contains reports whether the content of r contains want.
func contains(r io.Reader, want []byte) (bool, error) {
	buffer := make([]byte, 0, 64<<10)
	for {
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		if bytes.Contains(buffer, want) {
			return true, nil
		}
		if err == io.EOF {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		// Keep what may be the start of want.
		keep := min(len(buffer), len(want)-1)
		buffer = append(buffer[:0], buffer[len(buffer)-keep:]...)
	}
}

func cannotTell(x *executable) error {
	return fmt.Errorf("this cannot be checked for %s: remove the assertion for this platform", x)
}
