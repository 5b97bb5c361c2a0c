package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// The exit statuses, as the package comment documents them.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitDenied
	exitUndecided
	exitNothing
)

// An exit carries an exit status other than exitFailed through cobra.
type exit struct {
	status int
	err    error // nil when everything was said already
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// An app is one invocation: where it reads and writes, and the flags that all
// verbs share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	now            func() time.Time

	json       bool
	home       string
	node       string
	keys       string
	passphrase string // file that holds it
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	var e *exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &e):
		if e.err != nil {
			a.complain(e.err)
		}
		return e.status
	default:
		a.complain(err)
		return exitFailed
	}
}

// complain writes an error on one line, as data when the user asked for data.
func (a *app) complain(err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if errors.Is(err, syscall.ENOSPC) {
		text += "; nothing was changed: free some space and run the same again"
	}
	if a.json {
		b, _ := json.Marshal(map[string]string{"error": text})
		fmt.Fprintln(a.stderr, string(b))
		return
	}
	fmt.Fprintln(a.stderr, "zkconsent: "+text)
}

// emit writes a verb's result: v as JSON, or what text writes.
func (a *app) emit(v any, text func(w io.Writer)) error {
	if !a.json {
		text(a.stdout)
		return nil
	}
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "zkconsent",
		Short: "Prove that a consent is in force, without saying whose",
		Long: `zkconsent lets a patient prove to an insurer or a researcher that a consent is in
force and that attested facts meet a policy, without saying who they are.

Each party works in its own folder (--home): a patient's wallet, an authority's
key, an issuer's register, a verifier's records. Parties exchange files only.

Exit status: 0 done or accepted, 1 failed, 2 wrong usage, 3 denied, 4 no decision
(the ledger is unreachable or its newest state too old), 5 nothing to present.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return &exit{exitUsage, fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "write results as JSON")
	f.StringVar(&a.home, "home", envOr("ZKCONSENT_HOME", defaultHome()), "folder of this party ($ZKCONSENT_HOME)")
	f.StringVar(&a.node, "node", os.Getenv("ZKCONSENT_NODE"), "address host:port of a ledger node ($ZKCONSENT_NODE)")
	f.StringVar(&a.keys, "keys", os.Getenv("ZKCONSENT_KEYS"), "folder of the circuits' keys ($ZKCONSENT_KEYS; default: in the user's cache)")
	f.StringVar(&a.passphrase, "passphrase-file", os.Getenv("ZKCONSENT_PASSPHRASE_FILE"), "file with the wallet's passphrase; asked for when absent")
	root.AddCommand(a.verbs()...)
	usageErrors(root)
	return root
}

// usageErrors makes wrong arguments exit with exitUsage and a hint.
func usageErrors(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = cobra.NoArgs
		if c.HasSubCommands() {
			check = func(c *cobra.Command, args []string) error {
				if len(args) > 0 {
					return fmt.Errorf("unknown command %q", args[0])
				}
				return nil
			}
		}
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return &exit{exitUsage, fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
		}
		return nil
	}
	if c.HasSubCommands() && c.RunE == nil && c.Run == nil {
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range c.Commands() {
		usageErrors(sub)
	}
}

func envOr(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func defaultHome() string {
	dir, err := os.UserConfigDir()
	if err != nil {
		return ".zkconsent"
	}
	return filepath.Join(dir, "zkconsent")
}

// path is a file in the party's folder.
func (a *app) path(name string) string { return filepath.Join(a.home, name) }
