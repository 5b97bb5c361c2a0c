// Command security runs gosec over the repository and holds what it finds
// against exceptions.txt, where each one has its reason. It fails on a finding
// without an exception, on an exception without a finding, and on code that
// gosec could not read.
//
// Usage: security -gosec EXECUTABLE -exceptions FILE [PACKAGE...]
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const timeout = 10 * time.Minute

func main() {
	tool := flag.String("gosec", "gosec", "the executable")
	file := flag.String("exceptions", "exceptions.txt", "what is excepted, and why")
	flag.Parse()
	if err := run(*tool, *file, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "security:", err)
		os.Exit(1)
	}
}

func run(tool, file string, packages []string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	allowed, err := parse(string(text))
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	found, err := scan(tool, allowed.everywhere(), packages)
	if err != nil {
		return err
	}
	faults, excepted := allowed.judge(root, found.Issues)
	for _, f := range faults {
		fmt.Fprintln(os.Stderr, f)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d faults; correct the code, or give a reason in %s", len(faults), file)
	}
	if found.Stats.Nosec > 0 {
		return fmt.Errorf("%d #nosec comments; reasons stand in %s", found.Stats.Nosec, file)
	}
	fmt.Printf("gosec: %d files, %d findings, all excepted with a reason\n", found.Stats.Files, excepted)
	return nil
}

// A report is what gosec writes.
type report struct {
	Errors map[string][]struct {
		Error string `json:"error"`
	} `json:"Golang errors"`
	Issues []issue
	Stats  struct {
		Files int `json:"files"`
		Nosec int `json:"nosec"`
	}
}

type issue struct {
	Rule    string `json:"rule_id"`
	Details string `json:"details"`
	File    string `json:"file"`
	Line    string `json:"line"`
}

// scan runs gosec without the rules that are off everywhere.
func scan(tool string, off, packages []string) (*report, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	args := []string{"-quiet", "-fmt=json", "-exclude-generated", "-exclude-dir=tools", "-exclude-dir=.cache"}
	if len(off) > 0 {
		args = append(args, "-exclude="+strings.Join(off, ","))
	}
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, tool, append(args, packages...)...)
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run() // it fails where it finds something
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return nil, err
	}
	r := &report{}
	if bad := json.Unmarshal(out.Bytes(), r); bad != nil {
		return nil, fmt.Errorf("gosec did not report: %w, %v\n%s", bad, err, log.String())
	}
	for name, list := range r.Errors {
		return nil, fmt.Errorf("gosec could not read %s: %s", name, list[0].Error)
	}
	if r.Stats.Files == 0 {
		return nil, errors.New("gosec read no files")
	}
	return r, nil
}

// relative is a file's path in the repository, with slashes.
func relative(root, path string) string {
	if short, err := filepath.Rel(root, path); err == nil {
		return filepath.ToSlash(short)
	}
	return path
}
