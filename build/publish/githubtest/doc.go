// Package githubtest is a stand-in for GitHub's API of releases. Only tests import it.
package githubtest
