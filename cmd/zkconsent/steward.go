package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

func (a *app) stewardVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "steward",
		Short: "Decide together with the other stewards what the ledger governs",
		Long: `A proposal is a file: one steward makes it, others look at it and approve it, one
after the other or each a copy, and anybody submits it when as many have approved as
the ledger asks for. What each decision replaces is numbered, so that an old one can
never be executed again.`,
	}
	c.AddCommand(a.stewardProposeVerb(), a.stewardShowVerb(), a.stewardApproveVerb(), a.stewardSubmitVerb())
	return c
}

// maxProposal bounds a proposal in bytes: an object and all approvals.
const maxProposal = 64 << 10

// readProposal reads a proposal for this ledger.
func (a *app) readProposal(s *session, file string) (*transaction.Transaction, error) {
	b, err := a.readMessage("transaction", file, maxProposal)
	if err != nil {
		return nil, err
	}
	t, err := transaction.Decode(b)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", file, err)
	case !t.Kind.Governed():
		return nil, fmt.Errorf("%s: a transaction of kind %s is nobody's to approve", file, t.Kind)
	case t.Genesis != s.genesis.hash:
		return nil, fmt.Errorf("%s is a proposal for another ledger", file)
	}
	return t, nil
}

// judge shows a proposal in the light of the newest verified head.
func (s *session) judge(t *transaction.Transaction) (*proposalView, error) {
	h, err := s.light.Head()
	if err != nil {
		return nil, err
	}
	d, err := s.light.Directory()
	if err != nil {
		return nil, err
	}
	return viewProposal(d, h.Height, t)
}

// stewardOffice opens the session of an active steward.
func (a *app) stewardOffice(c *cobra.Command) (*office, error) {
	o, err := a.office(c.Context())
	if err != nil {
		return nil, err
	}
	if !o.self.Active || o.self.Roles&directory.Steward == 0 {
		o.close()
		return nil, fmt.Errorf("%s is no active steward on this ledger", o.self.Name)
	}
	return o, nil
}

func (a *app) stewardShowVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "show PROPOSAL",
		Short: "Show what a proposal changes, who approved it, and whether it can still be executed",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.verdicts(c.Context())
			if err != nil {
				return err
			}
			defer s.close()
			t, err := a.readProposal(s, args[0])
			if err != nil {
				return err
			}
			v, err := s.judge(t)
			if err != nil {
				return err
			}
			return a.emit(v, v.print)
		},
	}
}

func (a *app) stewardApproveVerb() *cobra.Command {
	var out string
	var yes bool
	c := &cobra.Command{
		Use:   "approve PROPOSAL",
		Short: "Look at a proposal and add this steward's approval",
		Long: `Show what a proposal changes by the newest verified state, and add the approval of
this folder's steward if you agree. An approval cannot be taken back: whoever regrets
it has the stewards decide the same object again before the proposal expires, which
takes its number.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o, err := a.stewardOffice(c)
			if err != nil {
				return err
			}
			defer o.close()
			t, err := a.readProposal(o.session, args[0])
			if err != nil {
				return err
			}
			v, err := o.judge(t)
			if err != nil {
				return err
			}
			if v.Trouble != "" {
				return fmt.Errorf("%s cannot be executed: %s; nothing was approved", args[0], v.Trouble)
			}
			if !yes {
				// Nobody is asked to agree to what they do not see.
				v.print(a.stderr)
				if !a.confirm("approve this?") {
					return errors.New("nothing was approved: agree at the prompt, or with --yes")
				}
			}
			if err := t.Approve(o.self.ID, o.key); err != nil {
				return err
			}
			if out == "" {
				out = args[0]
			}
			return a.putProposal(o.session, out, t)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` to write; - for standard output; default: the proposal itself")
	c.Flags().BoolVar(&yes, "yes", false, "approve without asking")
	return c
}

// putProposal writes a proposal and shows how it stands.
func (a *app) putProposal(s *session, out string, t *transaction.Transaction) error {
	v, err := s.judge(t)
	if err != nil {
		return err
	}
	if err := a.writeMessage("transaction", out, t.Encode()); err != nil {
		return err
	}
	v.File = out
	return a.emit(v, func(w io.Writer) {
		v.print(w)
		fmt.Fprintf(w, "written to %s\n", out)
	})
}

func (a *app) stewardSubmitVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "submit PROPOSAL …",
		Short: "Put an approved proposal on the ledger; copies with other approvals are joined",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.verdicts(c.Context())
			if err != nil {
				return err
			}
			defer s.close()
			t, err := a.readProposal(s, args[0])
			if err != nil {
				return err
			}
			for _, file := range args[1:] {
				copied, err := a.readProposal(s, file)
				if err != nil {
					return err
				}
				if err := t.Join(copied); err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
			}
			v, err := s.judge(t)
			if err != nil {
				return err
			}
			// The ledger judges, not this program; what it refuses is shown
			// with what is known here.
			r, err := s.Submit(c.Context(), t)
			if err != nil {
				return err
			}
			if err := r.Refused(); err != nil {
				switch {
				case v.Trouble != "":
					return fmt.Errorf("%w; %s", err, v.Trouble)
				case v.Missing > 0:
					return fmt.Errorf("%w; %d approval(s) are missing", err, v.Missing)
				}
				return err
			}
			result := struct {
				*proposalView
				Height uint64 `json:"height"`
			}{v, r.Height}
			return a.emit(result, func(w io.Writer) { fmt.Fprintf(w, "decided: %s: %s, in block %d\n", v.Kind, v.Object, r.Height) })
		},
	}
}
