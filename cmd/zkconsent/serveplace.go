package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/zkconsent/zkconsent/internal/config"
)

// checkPlace refuses what would tell others the secrets of a process, or of its
// callers, before anything is read: files that others may read, and variables by
// which libraries write past the log.
func checkPlace(c *config.Config, variable func(string) string) error {
	var faults config.Faults
	wrong := func(where, field, format string, args ...any) {
		faults = append(faults, config.Fault{Where: where, Field: field, Words: fmt.Sprintf(format, args...)})
	}
	c.Secrets(func(field string, file config.SecretFile) {
		// One that is not there is told by whoever reads it.
		if i, err := os.Stat(string(file)); err == nil && i.Mode().Perm()&fs.FileMode(0o077) != 0 {
			wrong(string(file), field, "others may read it; run: chmod 600, and make the secret anew if others have an account here")
		}
	})
	// The first is of no consequence in today's version of its library, which
	// means to write to a file in the next.
	const unset = "unset it: a library writes callers' messages, tokens or addresses with it, past the log and its rules"
	for _, name := range []string{"GRPC_BINARY_LOG_FILTER", "GRPC_GO_LOG_SEVERITY_LEVEL"} {
		// A level of error, the library's own, tells nothing of callers.
		if v := variable(name); v != "" && !(name == "GRPC_GO_LOG_SEVERITY_LEVEL" && strings.EqualFold(v, "error")) {
			wrong("$"+name, "", unset)
		}
	}
	if strings.Contains(variable("GODEBUG"), "http2debug") {
		wrong("$GODEBUG", "", "take http2debug out: frames of HTTP/2 would be written, with tokens and witnesses in them")
	}
	if len(faults) > 0 {
		return &exit{exitUsage, faults}
	}
	return nil
}
