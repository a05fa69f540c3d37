package credentials_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/slipway-build/slipway/images/credentials"
)

// Look up credentials in a file in the format of Docker's config.json.
func ExampleKeys_Key() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "config.json")
	_ = os.WriteFile(file, []byte(`{"auths": {"registry.example.com": {"auth": "Y2k6c2VjcmV0"}}}`), 0o600)

	keys := credentials.New(credentials.Options{Files: []string{file}})
	user, password := keys.Key("registry.example.com", "acme/app").Login()
	fmt.Println(user, password)
	fmt.Println(keys.Key("other.example.com", "acme/app").Known())
	// Output:
	// ci secret
	// false
}
