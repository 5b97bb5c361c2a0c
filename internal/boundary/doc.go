// Package boundary holds the tests that keep the project's architecture: who
// may import whom, which calls of its libraries are banned, and a few rules of
// style that reviewers should not have to watch. It exports nothing.
//
// The tests parse the source themselves. They do not run `go list`: the test
// cache sees the files that a test opens but not what another process read,
// and would hide a violation behind an old result.
package boundary
