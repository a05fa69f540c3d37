package dockerfile

import (
	"strconv"
	"strings"
)

// signals are the names of the Linux signals (signal(7)), without SIG.
var signals = map[string]bool{
	"ABRT": true, "ALRM": true, "BUS": true, "CHLD": true, "CLD": true, "CONT": true, "FPE": true, "HUP": true,
	"ILL": true, "INT": true, "IO": true, "IOT": true, "KILL": true, "PIPE": true, "POLL": true, "PROF": true,
	"PWR": true, "QUIT": true, "SEGV": true, "STKFLT": true, "STOP": true, "SYS": true, "TERM": true,
	"TRAP": true, "TSTP": true, "TTIN": true, "TTOU": true, "URG": true, "USR1": true, "USR2": true,
	"VTALRM": true, "WINCH": true, "XCPU": true, "XFSZ": true, "RTMIN": true, "RTMAX": true,
}

// IsSignal reports whether STOPSIGNAL accepts s: a number, or a name with or without
// SIG, in any case, including RTMIN+N and RTMAX-N.
func IsSignal(s string) bool {
	if n, err := strconv.Atoi(s); err == nil {
		return n != 0
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	if n, ok := strings.CutPrefix(name, "RTMIN+"); ok {
		return within(n, 15)
	}
	if n, ok := strings.CutPrefix(name, "RTMAX-"); ok {
		return within(n, 14)
	}
	return signals[name]
}

func within(s string, most int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= most && strconv.Itoa(n) == s
}
