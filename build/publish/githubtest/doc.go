// Package githubtest implements GitHub's API of releases for tests. Only tests import it.
package githubtest
