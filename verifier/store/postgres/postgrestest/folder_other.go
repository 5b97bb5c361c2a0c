//go:build !linux

package postgrestest

// folder is where servers have their folders.
func folder() string { return "/tmp" }
