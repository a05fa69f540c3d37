package extract

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// hostName returns an error if a Windows host cannot have a file named like n in the folder
// parent. Call it before writing the file.
func (o *overlay) hostName(parent, n *node) error {
	if !o.onWindows || n.target == nil || n.top {
		return nil
	}
	if reason := refusedByWindows(n.name); reason != "" {
		return fmt.Errorf("%q is not a file name on Windows: %s; extract a folder without it, or on a Linux host", n.name, reason)
	}
	folded := foldedName(n.name)
	if other, ok := parent.folded[folded]; ok && other != n.name && parent.children[other] != nil {
		return fmt.Errorf("the image has %q and %q in one folder, which are one name on Windows; extract a folder without them, or on a Linux host", other, n.name)
	}
	if parent.folded == nil {
		parent.folded = map[string]string{}
	}
	parent.folded[folded] = n.name
	return nil
}

// foldedName returns a name in the form in which Windows compares it: in upper case.
func foldedName(name string) string { return strings.ToUpper(name) }

// maxWindowsName is the maximum number of UTF-16 code units in a name on NTFS.
const maxWindowsName = 255

// refusedByWindows returns why Windows refuses a file name, or "". See
// https://learn.microsoft.com/windows/win32/fileio/naming-a-file.
func refusedByWindows(name string) string {
	for _, r := range name {
		if r < ' ' || strings.ContainsRune(`<>:"|?*\`, r) {
			return fmt.Sprintf("it may not have the character %q", r)
		}
	}
	if last := name[len(name)-1]; last == '.' || last == ' ' {
		return "it may not end in a dot or a space"
	}
	if len(utf16.Encode([]rune(name))) > maxWindowsName {
		return fmt.Sprintf("it is longer than %d characters", maxWindowsName)
	}
	// The name of a device is reserved with any extension.
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch base = strings.TrimRight(base, " "); base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return "it is the name of a device"
	}
	if device, digit, ok := cutDigit(base); ok && (device == "COM" || device == "LPT") && strings.Contains("0123456789¹²³", digit) {
		return "it is the name of a device"
	}
	return ""
}

// cutDigit cuts off the last character.
func cutDigit(s string) (before, last string, ok bool) {
	runes := []rune(s)
	if len(runes) == 0 {
		return "", "", false
	}
	return string(runes[:len(runes)-1]), string(runes[len(runes)-1:]), true
}
