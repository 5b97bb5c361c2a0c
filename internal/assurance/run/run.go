package main

import (
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
	if o.only == "" {
		// Figures of an earlier run must not stand in for this one's.
		if err := os.RemoveAll(out); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return err
	}
	var failed []string
	began := time.Now()
	for i, t := range tests {
		if !strings.Contains(t.name, o.only) {
			continue
		}
		fmt.Fprintf(o.stderr, "[%2d/%d] %-44s %s\n", i+1, len(tests), t.name, t.folder)
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
	t := table{machine(ctx), time.Since(began).Round(time.Second).String(), results, failed}
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
		// A part that is run alone leaves the others' figures as they are.
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

// run runs one test in full length, its output in a log.
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
	return errors.Join(c.Run(), f.Close())
}
