package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/internal/assurance"
)

// limit ends a test that hangs.
const limit = "120m"

type options struct {
	out, only      string
	json           bool
	stdout, stderr io.Writer
}

func run(ctx context.Context, o options) error {
	out, err := filepath.Abs(o.out)
	if err != nil {
		return err
	}
	tests, err := find(".")
	if err != nil {
		return err
	}
	wanted := tests[:0:0]
	for _, t := range tests {
		if strings.Contains(t.name, o.only) {
			wanted = append(wanted, t)
		}
	}
	if len(wanted) == 0 {
		return fmt.Errorf("no test's name contains %q", o.only)
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	// Figures of an earlier run must not stand in for this one's.
	earlier := filepath.Join(out, earlierFolder)
	if err := setAside(out, earlier, o.only != ""); err != nil {
		return err
	}
	var failed []string
	began := time.Now()
	for i, t := range wanted {
		fmt.Fprintf(o.stderr, "[%2d/%d] %-44s %s\n", i+1, len(wanted), t.name, t.folder)
		start := time.Now()
		log := filepath.Join(out, t.name+".log")
		err := t.run(ctx, out, log)
		word := "passed"
		if err != nil {
			failed = append(failed, t.name)
			word = "FAILED, see " + log
		}
		fmt.Fprintf(o.stderr, "        %s after %s\n", word, time.Since(start).Round(time.Second))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	results, err := assurance.Results(out)
	if err != nil {
		return err
	}
	before, err := assurance.Results(earlier)
	if err != nil {
		return err
	}
	t := table{machine(ctx), time.Since(began).Round(time.Second).String(), results, before, failed}
	if err := os.WriteFile(filepath.Join(out, "table.md"), []byte(t.markdown()), 0o600); err != nil {
		return err
	}
	if o.json {
		err = t.writeJSON(o.stdout)
	} else {
		_, err = io.WriteString(o.stdout, t.markdown())
	}
	if err != nil {
		return err
	}
	var short []string
	for _, r := range results {
		// A part of the tests answers for what it recorded.
		if !r.Met() && (o.only == "" || !r.Missing) {
			short = append(short, r.Goal.Row)
		}
	}
	switch {
	case len(failed) > 0:
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	case len(short) > 0:
		return fmt.Errorf("%d figures fall short of their goals or are missing: %s", len(short), strings.Join(short, ", "))
	}
	return nil
}

// earlierFolder has the figures of earlier runs while -only makes new ones.
const earlierFolder = "earlier"

// setAside removes what earlier runs left in the folder, and nothing that is
// not theirs; or it keeps their figures apart, to be shown as what they are.
func setAside(out, earlier string, keep bool) error {
	figures, err := filepath.Glob(filepath.Join(out, "*.json"))
	if err != nil {
		return err
	}
	if keep {
		if err := os.MkdirAll(earlier, 0o700); err != nil {
			return err
		}
		for _, f := range figures {
			if err := os.Rename(f, filepath.Join(earlier, filepath.Base(f))); err != nil {
				return err
			}
		}
		return nil
	}
	logs, err := filepath.Glob(filepath.Join(out, prefix+"*.log"))
	if err != nil {
		return err
	}
	for _, f := range append(append(figures, logs...), filepath.Join(out, "table.md"), earlier) {
		if err := os.RemoveAll(f); err != nil {
			return err
		}
	}
	return nil
}

// run runs one test in full length, its output in a log. A test that was
// skipped, or that go test did not find, did not pass.
func (t test) run(ctx context.Context, out, log string) error {
	f, err := os.Create(log)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-timeout", limit, "-run", "^"+t.name+"$", "./"+t.folder)
	c.Env = append(os.Environ(), assurance.Folder+"="+out)
	c.Stdout, c.Stderr = f, f
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = 10 * time.Second
	if err := errors.Join(c.Run(), f.Close()); err != nil {
		return err
	}
	said, err := os.ReadFile(log)
	if err != nil {
		return err
	}
	if !bytes.Contains(said, []byte("--- PASS: "+t.name+" (")) {
		return fmt.Errorf("%s was not run", t.name)
	}
	return nil
}
