// Command vulncheck runs govulncheck where the vulnerability database can be
// reached. Where it cannot, it says so within seconds, and notes in a file that
// the check was skipped, so that whoever sums up the checks says it too: a build
// without that network must neither hang nor pretend to have looked.
//
// Usage: vulncheck -govulncheck EXECUTABLE [-skipped FILE] [PACKAGE...]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	index    = "https://vuln.go.dev/index/db.json"
	patience = 4 * time.Second // for the index, which is a few hundred bytes
	timeout  = 5 * time.Minute
)

func main() {
	tool := flag.String("govulncheck", "govulncheck", "the executable")
	skipped := flag.String("skipped", "", "a file that is there afterwards exactly if nothing was looked up")
	flag.Parse()
	os.Exit(run(index, *tool, *skipped, flag.Args(), os.Stdout))
}

// run returns the exit code.
func run(index, tool, skipped string, packages []string, out io.Writer) int {
	if err := note(skipped, ""); err != nil {
		fmt.Fprintln(out, "govulncheck:", err)
		return 1
	}
	if !reachable(index) {
		const words = "govulncheck: skipped (vulnerability database not reachable)\n"
		if err := note(skipped, words); err != nil {
			fmt.Fprintln(out, "govulncheck:", err)
			return 1
		}
		fmt.Fprint(out, words)
		return 0
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, packages...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(out, "govulncheck:", err)
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 {
			return exit.ExitCode()
		}
		return 1
	}
	return 0
}

// note writes that a check was skipped, or with no words removes what an
// earlier run wrote.
func note(path, words string) error {
	if path == "" {
		return nil
	}
	if words == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(words), 0o644)
}

// reachable asks for the database's index.
func reachable(index string) bool {
	client := http.Client{Timeout: patience}
	response, err := client.Get(index)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}
