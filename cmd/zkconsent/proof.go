package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// mathematicsAlone is what every answer of "proof check" says beside it.
const mathematicsAlone = `This is the mathematics alone. It does not say who asked, whether the holder signed,
whether the root was the ledger's, or whether the consent was withdrawn: see "record
check" and "standing".`

func (a *app) proofVerb() *cobra.Command {
	c := &cobra.Command{Use: "proof", Short: "Take a bare proof out of a record, and check it"}
	c.AddCommand(a.proofExportVerb(), a.proofCheckVerb())
	return c
}

func (a *app) proofExportVerb() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "export RECORD",
		Short: "Write a record's proof and its public inputs as JSON",
		Long: `Write the proof in a record, with the public inputs that it is to prove, their names
and the digest of the keys, as a JSON file that other programs can read. Nothing is
checked. The file holds the pseudonym and the withdrawal tag, as the record does.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.readMessage("record", args[0], verifier.MaxRecord)
			if err != nil {
				return err
			}
			r, err := verifier.DecodeRecord(b)
			if err != nil {
				return err
			}
			p, err := r.Export()
			if err != nil {
				return err
			}
			text, err := p.EncodeJSON()
			if err != nil {
				return err
			}
			if out == "-" {
				_, err = a.stdout.Write(text)
			} else {
				err = writeFile(out, text, 0o600)
			}
			if err != nil {
				return err
			}
			v := struct {
				Circuit  consent.CircuitID `json:"circuit"`
				Manifest string            `json:"manifest"`
				Inputs   int               `json:"publicInputs"`
				File     string            `json:"file"`
			}{p.Circuit, hex.EncodeToString(p.Manifest[:]), len(p.Inputs), out}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "proof of %s with its %d public inputs in %s\n", v.Circuit, v.Inputs, out)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` for the proof, - for standard output")
	required(c, "out")
	return c
}

// checkedProof is what "proof check" says.
type checkedProof struct {
	Valid       bool              `json:"valid"`
	Reason      string            `json:"reason,omitempty"`
	Circuit     consent.CircuitID `json:"circuit,omitempty"`
	Manifest    string            `json:"manifest,omitempty"`
	Development bool              `json:"development,omitempty"`
	Unchecked   []string          `json:"unchecked"`
}

func (a *app) proofCheckVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Check the mathematics of an exported proof, and nothing else",
		Long: `Check that an exported proof proves its public inputs, with the verifying key that
the manifest pins. Exit status 0 means that it does, 3 that it does not or that the
file is none, 4 that the keys it names are not at hand.

` + mathematicsAlone,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.readFile(args[0], consent.MaxExportedProof)
			if err != nil {
				return err
			}
			v := checkedProof{Unchecked: []string{"who asked", "the holder's signature", "that the root is the ledger's", "withdrawal"}}
			p, err := consent.DecodeExportedProof(b)
			if err != nil {
				v.Reason = err.Error()
				return a.emitCheckedProof(v, exitDenied)
			}
			v.Circuit, v.Manifest = p.Circuit, hex.EncodeToString(p.Manifest[:])
			dir, m, err := a.manifest()
			if err != nil {
				return err
			}
			err = verifier.CheckExported(dir, m, p)
			switch {
			case errors.Is(err, verifier.ErrInvalidProof):
				v.Reason = err.Error()
				return a.emitCheckedProof(v, exitDenied)
			case errors.Is(err, verifier.ErrOtherKeys):
				v.Reason = err.Error()
				return a.emitCheckedProof(v, exitUndecided)
			case err != nil:
				return err
			}
			e, err := m.Find(string(p.Circuit))
			if err != nil {
				return err
			}
			v.Valid, v.Development = true, e.Development
			return a.emitCheckedProof(v, exitDone)
		},
	}
}

func (a *app) emitCheckedProof(v checkedProof, status int) error {
	err := a.emit(v, func(w io.Writer) {
		switch status {
		case exitDone:
			fmt.Fprintf(w, "valid: the proof proves its public inputs in %s, under the keys of manifest %s\n", v.Circuit, v.Manifest[:16])
		case exitDenied:
			fmt.Fprintf(w, "NOT VALID: %s\n", v.Reason)
		default:
			fmt.Fprintf(w, "NOT CHECKED: %s\n", v.Reason)
		}
		if v.Development {
			fmt.Fprintln(w, "These are development keys: whoever made them can forge proofs.")
		}
		fmt.Fprintln(w, mathematicsAlone)
	})
	if err != nil || status == exitDone {
		return err
	}
	return &exit{status, nil}
}
