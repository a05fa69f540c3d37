package load

import (
	"fmt"

	"golang.org/x/sys/windows/registry"
)

// fullVersion adds the revision of this machine to its version of Windows: 10.0.20348 becomes 10.0.20348.2700.
func fullVersion(version string) string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Windows NT\CurrentVersion`, registry.QUERY_VALUE)
	if err != nil {
		return version + ".0" // the build decides
	}
	defer key.Close()
	revision, _, err := key.GetIntegerValue("UBR")
	if err != nil {
		revision = 0
	}
	return fmt.Sprintf("%s.%d", version, revision)
}
