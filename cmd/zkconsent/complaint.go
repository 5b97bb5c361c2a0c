package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// misuse reports an argument or a flag that cannot be right, whatever the
// state of folder and ledger.
func misuse(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// complain writes an error on one line, as data when the user asked for data.
func (a *app) complain(err error) {
	text := complaint(err)
	if a.json {
		b, _ := json.Marshal(map[string]string{"error": text})
		fmt.Fprintln(a.stderr, string(b))
		return
	}
	fmt.Fprintln(a.stderr, "zkconsent: "+text)
}

// complaint words an error for somebody who does not know the system's calls:
// the file and not the call that failed on it, and what to do.
func complaint(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	var failed *fs.PathError
	if errors.As(err, &failed) {
		text = strings.Replace(text, failed.Op+" "+failed.Path+":", failed.Path+":", 1)
	}
	switch {
	case errors.Is(err, syscall.ENOSPC):
		text += "; nothing was changed: free some space and run the same again"
	case errors.Is(err, syscall.EADDRINUSE):
		text += "; another program, perhaps this one already, listens there: name another address"
	}
	return text
}
