package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/verifier"
)

// presentVerb hands in an answer that was proved before.
func (a *app) presentVerb() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use:   "present PRESENTATION --to URL",
		Short: "Send an answer that was proved before, without saying who you are",
		Long: `Send an answer to the return address of its request, as prove --present does, and
show the verdict. Exit status 0 means accepted, 3 denied, 4 no decision: send the
same file again later, it has one effect however often it is sent.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := a.readMessage("presentation", args[0], consent.MaxPresentation)
			if err != nil {
				return err
			}
			p, err := consent.DecodePresentation(b)
			if err != nil {
				return err
			}
			v, err := a.present(c.Context(), to, p)
			if err != nil {
				return notSent(err, args[0], to)
			}
			return errors.Join(a.emit(v, func(w io.Writer) { v.print(w, "") }), v.exit())
		},
	}
	c.Flags().StringVar(&to, "to", "", "`address` that the request names, https://host/v1/presentations")
	required(c, "to")
	return c
}

// A decided is what a verifier said of a presentation, as its sender sees it.
type decided struct{ verifier.Verdict }

// print shows the verdict; code is the one that this side computed.
func (d *decided) print(w io.Writer, code string) {
	if d == nil {
		return
	}
	fmt.Fprintln(w, d.Verdict)
	if d.Accepted && code == "" {
		fmt.Fprintf(w, "the verifier's screen shows the code %s\n", d.ComparisonCode)
	}
}

// exit is the status of the verdict; nil where it accepts, or there is none.
func (d *decided) exit() error {
	switch {
	case d == nil || d.Accepted:
		return nil
	case undecidedReason(d.Reason):
		return &exit{exitUndecided, errors.New("the verifier could not decide; send the same answer again later")}
	}
	return &exit{exitDenied, nil}
}

// undecidedReason tells the denials that are none.
func undecidedReason(r verifier.Reason) bool {
	return r == verifier.Undecided || r == verifier.StaleHead || r == ""
}

// isAddress tells the address of a request from a file's name.
func isAddress(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

// readRequest reads a request from a file, or fetches it from its address as
// nobody in particular.
func (a *app) readRequest(ctx context.Context, from string) (*consent.SignedRequest, error) {
	if isAddress(from) {
		v, err := a.visitor()
		if err != nil {
			return nil, err
		}
		r, err := v.Request(ctx, from)
		return r, remoteError(err)
	}
	b, err := a.readMessage("signed-request", from, consent.MaxRequest+1024)
	if err != nil {
		return nil, err
	}
	return consent.DecodeSignedRequest(b)
}

// presentable refuses a request whose answer could not be sent, before anything
// is proved. Only what the verifier signed is an address: whoever handed the
// request on may be somebody else.
// One that came from elsewhere sends nothing to what listens on this machine.
func presentable(r *consent.SignedRequest, from string) error {
	to := r.Request.Return
	if to == "" {
		return errors.New("the request names no return address, so nothing can be sent; leave --present out and hand over the file")
	}
	if err := client.Visitable(to); err != nil {
		return fmt.Errorf("the request's return address: %w; leave --present out and hand over the file", err)
	}
	if isAddress(from) && client.Local(to) && !client.Local(from) {
		return fmt.Errorf("the request came from %q and its answer would go to this machine, at %q; leave --present out and hand over the file", from, to)
	}
	return nil
}

// present sends a presentation as nobody in particular. With an error there is
// no decision.
func (a *app) present(ctx context.Context, to string, p *consent.Presentation) (*decided, error) {
	v, err := a.visitor()
	if err != nil {
		return nil, err
	}
	verdict, err := v.Present(ctx, to, p)
	if err != nil {
		return nil, remoteError(err)
	}
	return &decided{verdict}, nil
}

// notSent says what to do with an answer about which nothing was decided.
func notSent(err error, file, to string) error {
	status := exitFailed
	var e *exit
	if errors.As(err, &e) {
		status = e.status
	}
	again := ""
	if file != "-" {
		again = fmt.Sprintf("; send it again with: zkconsent present %s --to %s", file, to)
	}
	return &exit{status, fmt.Errorf("the answer was made, and no verdict came: %w%s", err, again)}
}

// sends tells a patient where the answer goes.
func sends(send bool, r *wallet.Review) string {
	if !send {
		return ""
	}
	return fmt.Sprintf("\nThe answer is sent to %q, without your name, certificate or token.\n", r.ReturnTo)
}
