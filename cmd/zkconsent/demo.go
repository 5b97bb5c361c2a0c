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
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

func (a *app) demoVerb() *cobra.Command {
	var dir, scheme string
	var commands bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play the whole story on documents that come with the program",
		Long: `Start a ledger in this process and play the whole story: a hospital and an insurer
issue, a patient consents, proves to an insurer and to a researcher, withdraws, and
comes back from 24 words. Every step is a command line of this program, each party
in a folder of its own; they exchange files only. The exit status is not 0 if a
step does not end as told.`,
		RunE: func(c *cobra.Command, _ []string) error {
			under, err := schemeOf(scheme)
			if err != nil {
				return err
			}
			if dir == "" {
				if dir, err = os.MkdirTemp("", "zkconsent-demo-"); err != nil {
					return err
				}
				defer os.RemoveAll(dir)
			} else if err = os.MkdirAll(dir, 0o700); err != nil {
				return err
			}
			d := &demo{app: a, ctx: c.Context(), dir: dir, commands: commands, scheme: under, ids: map[string]string{}, done: []demoStep{}}
			return d.play()
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "play in this folder and leave it; default: a temporary one")
	c.Flags().BoolVar(&commands, "commands", false, "show each command line")
	schemeFlag(c, &scheme, string(consent.Groth16), "all proofs in the story")
	return c
}

// A demo plays the story. It holds what the people in it could say to each
// other: file names, public ids and the node's address.
type demo struct {
	app      *app
	ctx      context.Context
	dir      string
	commands bool
	scheme   consent.Scheme

	node string
	keys string

	stopNode func() error // nil while no node runs

	ids  map[string]string // public ids, by party
	done []demoStep
}

// A demoStep is one line of the account.
type demoStep struct {
	Number   int      `json:"number"`
	Party    string   `json:"party"`
	Does     string   `json:"does"`
	Command  []string `json:"command,omitempty"`
	Result   string   `json:"result"`
	AsTold   bool     `json:"asTold"`
	Exit     int      `json:"exit"`
	Seconds  float64  `json:"seconds"`
	Proof    int      `json:"proofBytes,omitempty"`
	Presents int      `json:"presentationBytes,omitempty"`
}

// errNotAsTold ends the story at the step that went another way.
var errNotAsTold = errors.New("the story did not end as told")

func (d *demo) play() error {
	start := time.Now()
	err := d.story()
	if d.stopNode != nil {
		err = errors.Join(err, d.stopNode())
	}
	total := time.Since(start)
	for _, s := range d.done {
		if !s.AsTold && err == nil {
			err = errNotAsTold
		}
	}
	v := struct {
		Steps   []demoStep `json:"steps"`
		Seconds float64    `json:"seconds"`
		AsTold  bool       `json:"asTold"`
	}{d.done, total.Seconds(), err == nil}
	return errors.Join(d.app.emit(v, func(w io.Writer) {
		if err == nil {
			fmt.Fprintf(w, "\nall %d steps ended as told, in %.1f s\n", len(d.done), total.Seconds())
		}
	}), err)
}

func (d *demo) chapter(title string) {
	if !d.app.json {
		fmt.Fprintf(d.app.stdout, "\n%s\n", title)
	}
}

func (d *demo) home(party string) string { return filepath.Join(d.dir, party) }

// post is where a file for another party is left.
func (d *demo) post(name string) string { return filepath.Join(d.dir, "post", name) }

// An answer is what a command line wrote, as data.
type answer map[string]any

func (a answer) text(key string) string {
	s, _ := a[key].(string)
	return s
}

func (a answer) number(key string) int {
	n, _ := a[key].(float64)
	return int(n)
}

// A check looks at an answer and says in a few words what came out; an error
// says that it is not what the story tells.
type check func(answer) (string, error)

// run plays one step: the command line of a party, the exit status that the
// story tells, and what to look for in the answer.
func (d *demo) run(party, does string, exit int, look check, args ...string) (answer, error) {
	var out, complaint strings.Builder
	line := append([]string{"--json", "--home", d.home(party), "--keys", d.keys, "--passphrase-file", d.post("../passphrase")}, args...)
	if d.node != "" {
		line = append([]string{"--node", d.node}, line...)
	}
	start := time.Now()
	got := run(d.ctx, line, strings.NewReader(""), &out, &complaint)
	step := demoStep{Party: party, Does: does, Command: append([]string{"zkconsent"}, args...), Exit: got, AsTold: got == exit, Seconds: time.Since(start).Seconds()}
	a := parseAnswer(out.String())
	step.Proof, step.Presents = a.number("proofBytes"), 0
	if a["comparisonCode"] != nil {
		step.Presents = a.number("bytes")
	}
	if !step.AsTold {
		step.Result = fmt.Sprintf("exit status %d, told was %d: %s", got, exit, strings.TrimSpace(complaint.String()+" "+a.text("reason")))
		return a, d.tell(step)
	}
	if look != nil {
		result, err := look(a)
		step.Result = result
		if err != nil {
			step.AsTold, step.Result = false, err.Error()
		}
	}
	return a, d.tell(step)
}

func parseAnswer(out string) answer {
	var a answer
	if json.Unmarshal([]byte(out), &a) == nil && a != nil {
		return a
	}
	var list []any
	if json.Unmarshal([]byte(out), &list) == nil {
		return answer{"list": list}
	}
	return answer{}
}

// note adds a step that is not a command line, such as a thief's edit.
func (d *demo) note(party, does string, do func() (string, error)) error {
	start := time.Now()
	result, err := do()
	step := demoStep{Party: party, Does: does, Result: result, AsTold: err == nil, Seconds: time.Since(start).Seconds()}
	if err != nil {
		step.Result = err.Error()
	}
	return d.tell(step)
}

func (d *demo) tell(s demoStep) error {
	s.Number = len(d.done) + 1
	d.done = append(d.done, s)
	if !d.app.json {
		mark := "ok "
		if !s.AsTold {
			mark = "NOT AS TOLD "
		}
		fmt.Fprintf(d.app.stdout, "%3d %-10s %-62s %7.0f ms  %s%s\n", s.Number, s.Party, s.Does, 1000*s.Seconds, mark, s.Result)
		if d.commands && s.Command != nil {
			fmt.Fprintf(d.app.stdout, "               $ %s\n", strings.Join(s.Command, " "))
		}
	}
	if !s.AsTold {
		return fmt.Errorf("step %d (%s): %w", s.Number, s.Does, errNotAsTold)
	}
	return nil
}

// startNode runs the ledger in this process until the returned function.
func (d *demo) startNode() (stop func() error, err error) {
	ctx, cancel := context.WithCancel(d.ctx)
	ready, done := make(chan string, 1), make(chan error, 1)
	home := ledger.Home(filepath.Join(d.home("steward"), "node"))
	go func() {
		done <- d.app.serveNode(ctx, service{home: home, listen: "127.0.0.1:0", ready: func(grpcAddr, _ string) error {
			ready <- grpcAddr
			return nil
		}})
	}()
	select {
	case d.node = <-ready:
		return func() error { cancel(); return <-done }, nil
	case err := <-done:
		cancel()
		return nil, err
	}
}
