// Package credentials finds, stores and removes the credentials of registries, in the auth files
// that docker login and podman login write, and in credential helpers.
//
// An auth file is Docker's config.json or podman's auth.json
// (https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md). It has auths
// (credentials by registry, or by a path below one), credHelpers (a helper program by registry) and
// credsStore (the helper for all other registries). A key is the name of a registry or path in an
// auth file; a Key has the credentials that were found for it.
package credentials
