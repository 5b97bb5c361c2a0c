package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// errStopped replaces whatever a signal made fail.
var errStopped = errors.New("stopped before it was done; run the same again")

// An app is one invocation: where it reads and writes, and the flags that all
// verbs share.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	results        io.Writer       // stdout, unless the message for another party goes there
	stopped        <-chan struct{} // closed by a signal
	now            func() time.Time
	fromFirst      bool   // a wallet reads the ledger from its first record
	whole          uint64 // records up to which a wallet takes the ledger whole; 0 is the protocol's number

	args       []string
	json       bool
	home       string
	node       string
	keys       string
	passphrase string // file that holds it
	remote     remote
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{stdin: stdin, stdout: stdout, stderr: stderr, now: time.Now}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	a.args = args
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	a.results, a.stopped = a.stdout, ctx.Done()
	err := root.ExecuteContext(ctx)
	var e *exit
	switch {
	case err != nil && ctx.Err() != nil:
		a.complain(errStopped)
		if errors.As(err, &e) {
			return e.status
		}
		return exitFailed
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

// emit writes a verb's result: v as JSON, or what text writes.
// A result that cannot be written is an error: a script must not take a cut
// one for the whole.
func (a *app) emit(v any, text func(w io.Writer)) error {
	var b bytes.Buffer
	if a.json {
		e := json.NewEncoder(&b)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err
		}
	} else {
		text(&b)
	}
	_, err := a.results.Write(b.Bytes())
	return err
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "zkconsent",
		Short: "Prove that a consent is in force, without saying whose",
		Long: `zkconsent lets a patient prove to an insurer or a researcher that a consent is in
force and that attested facts meet a policy, without saying who they are.

Each party works in its own folder (--home): a patient's wallet, an authority's
key, an issuer's register, a verifier's records. Parties exchange files, or call
services that others run (--server, prove --prover, prove --present).

Exit status: 0 done or accepted, 1 failed, 2 wrong usage, 3 denied, 4 no decision
(the ledger or a service is unreachable, or the ledger's newest state too old), 5
nothing to present.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		a.json = a.json || slices.Contains(a.args, "--json") // it may stand behind the mistake
		return &exit{exitUsage, fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	f := root.PersistentFlags()
	f.BoolVar(&a.json, "json", false, "write results as JSON")
	f.StringVar(&a.home, "home", envOr("ZKCONSENT_HOME", defaultHome()), "`folder` of this party ($ZKCONSENT_HOME)")
	f.StringVar(&a.node, "node", os.Getenv("ZKCONSENT_NODE"), "`address` HOST:PORT of a ledger node, or several with commas between ($ZKCONSENT_NODE)")
	f.StringVar(&a.keys, "keys", os.Getenv("ZKCONSENT_KEYS"), "`folder` of the circuits' keys ($ZKCONSENT_KEYS; default: in the user's cache)")
	f.StringVar(&a.passphrase, "passphrase-file", os.Getenv("ZKCONSENT_PASSPHRASE_FILE"), "`file` with the wallet's passphrase ($ZKCONSENT_PASSPHRASE_FILE); asked for when absent")
	a.remote.flags(f)
	a.addVerbs(root)
	a.usageErrors(root)
	return root
}

// usageErrors makes wrong arguments exit with exitUsage and a hint.
func (a *app) usageErrors(c *cobra.Command) {
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
		if err := check(c, args); err != nil && c.HasSubCommands() {
			return misuse("%w; see: %s --help", err, c.CommandPath())
		} else if err != nil {
			return misuse("wrong arguments, wanted is: %s; see: %s --help", strings.TrimSuffix(c.UseLine(), " [flags]"), c.CommandPath())
		}
		if missing := missingFlags(c); len(missing) > 0 {
			return misuse("missing: %s; see: %s --help", strings.Join(missing, ", "), c.CommandPath())
		}
		for _, name := range []string{"out", "record"} {
			if f := c.Flags().Lookup(name); f != nil && f.Value.String() == "-" {
				a.results = a.stderr
			}
		}
		return nil
	}
	if c.HasSubCommands() && c.RunE == nil && c.Run == nil {
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range c.Commands() {
		a.usageErrors(sub)
	}
}

// required marks flags without which a verb cannot start.
func required(c *cobra.Command, names ...string) {
	for _, n := range names {
		if err := c.MarkFlagRequired(n); err != nil {
			panic(err) // the flag does not exist: a mistake in this program
		}
	}
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[requiredFlags] = strings.TrimSpace(c.Annotations[requiredFlags] + " " + strings.Join(names, " "))
}

// requiredFlags is the annotation of a verb that lists its required flags.
const requiredFlags = "required"

// missingFlags lists the required flags that were not given.
func missingFlags(c *cobra.Command) (names []string) {
	for _, n := range strings.Fields(c.Annotations[requiredFlags]) {
		if !c.Flags().Changed(n) {
			names = append(names, "--"+n)
		}
	}
	return names
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
