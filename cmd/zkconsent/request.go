package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/verifier"
	"github.com/zkconsent/zkconsent/verifier/policy"
	"github.com/zkconsent/zkconsent/verifier/store"
)

// verifierFile holds a verifier's requests and records in its folder.
const verifierFile = "verifier.db"

// maxPolicy bounds a policy file in bytes.
const maxPolicy = 64 << 10

// withVerifier runs a verb with the verifier of this folder.
func (a *app) withVerifier(ctx context.Context, do func(*verifier.Verifier, *session) error) error {
	o, err := a.office(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	keys, err := a.verifierKeys()
	if err != nil {
		return err
	}
	kept, err := store.Open(ctx, a.path(verifierFile), nil)
	if err != nil {
		return err
	}
	defer kept.Close()
	v, err := verifier.New(verifier.Config{
		ID: o.self.ID, Key: o.key, Genesis: o.genesis.hash, Roots: verifierView{o.session}, Keys: keys, Store: kept, Now: a.now,
	})
	if err != nil {
		return err
	}
	return do(v, o.session)
}

func (a *app) requestVerb() *cobra.Command {
	c := &cobra.Command{Use: "request", Short: "As a verifier: make a request; as anybody: read one"}
	c.AddCommand(a.requestCreateVerb(), a.requestShowVerb())
	return c
}

func (a *app) requestCreateVerb() *cobra.Command {
	var out, scheme string
	var asked client.Asking
	c := &cobra.Command{
		Use:   "create POLICY --out FILE",
		Short: "Make a signed request from a policy",
		Long: `Make a signed request from a policy, a JSON file that says what is asked and why.
The lists that it names lie beside it. "go doc ./verifier/policy" describes the file.

With --server a verifier's service makes the request, from one of the policies that it
was started with: POLICY is the policy's name then.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if a.remote.server != "" {
				if scheme != "" {
					return misuse("--scheme: the service's policy says how its request is answered")
				}
				asked.Policy = args[0]
				return a.createAt(c.Context(), asked, out)
			}
			if asked != (client.Asking{}) {
				return misuse("--context, --return and --idempotency-key are for a service; name it with --server")
			}
			text, err := a.readFile(args[0], maxPolicy)
			if err != nil {
				return err
			}
			var beside fs.FS = os.DirFS(filepath.Dir(args[0]))
			p, err := policy.Parse(text, beside)
			if err != nil {
				return err
			}
			template, err := p.Template(a.now())
			if err != nil {
				return err
			}
			if scheme != "" {
				under, err := schemeOf(scheme)
				if err != nil {
					return err
				}
				template.Circuit = template.Circuit.Under(under)
			}
			return a.withVerifier(c.Context(), func(v *verifier.Verifier, _ *session) error {
				r, err := v.CreateRequest(c.Context(), template)
				if errors.Is(err, verifier.ErrStaleHead) {
					return &exit{exitUndecided, err}
				}
				if err != nil {
					return err
				}
				return a.emitRequest(r, out)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "`file` to write; - for standard output")
	f := c.Flags()
	f.StringVar(&asked.Context, "context", "", "with --server: the `context` that makes the scope, in place of the policy's")
	f.StringVar(&asked.Return, "return", "", "with --server: the `address` where the answer is sent, in place of the policy's")
	f.StringVar(&asked.Key, "idempotency-key", "", "with --server: `text` that names this request, so that asking again makes no second one; drawn when absent")
	schemeFlag(c, &scheme, "", "the answer, in place of the policy's")
	required(c, "out")
	return c
}

func (a *app) requestShowVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE|URL",
		Short: "Read a request as it is, without checking who signed it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.readRequest(c.Context(), args[0])
			if err != nil {
				return err
			}
			r := s.Request
			type question struct {
				Label string `json:"label"`
				Mask  string `json:"slots"`
			}
			v := struct {
				ID         string       `json:"id"`
				Signer     string       `json:"signer"`
				Circuit    string       `json:"circuit"`
				Issued     string       `json:"issued"`
				Expires    string       `json:"expires"`
				Purpose    []string     `json:"purpose"`
				Accepted   []string     `json:"accepted"`
				Categories []string     `json:"categories"`
				DataFrom   string       `json:"dataFrom"`
				DataTo     string       `json:"dataTo"`
				Until      string       `json:"until"`
				Policy     string       `json:"policy"`
				Questions  []question   `json:"questions"`
				Trust      string       `json:"trust"`
				Rule       consent.Rule `json:"rule"`
				Context    string       `json:"context"`
				Signed     string       `json:"signature"`
			}{
				ID: hex.EncodeToString(r.ID[:]), Signer: field.Hex(r.Signer), Circuit: string(r.Circuit), Issued: instant(r.Issued), Expires: instant(r.Expires),
				Purpose: r.Purpose.Describe(), Accepted: r.Accepted.Describe(), Categories: r.Categories.Describe(),
				DataFrom: instant(r.QFrom), DataTo: instant(r.QTo), Until: instant(r.Until), Policy: r.Policy,
				Trust: fmt.Sprintf("%s (%d)", r.Trust.Name, len(r.Trust.Authorities)), Rule: r.Rule, Context: r.Context, Signed: "not checked here; prove checks it",
			}
			for _, q := range r.Ranges {
				if q.Label != "" {
					v.Questions = append(v.Questions, question{q.Label, fmt.Sprintf("%011b", q.Mask)})
				}
			}
			for _, q := range r.Sets {
				if q.Label != "" {
					v.Questions = append(v.Questions, question{q.Label, fmt.Sprintf("%011b", q.Mask)})
				}
			}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "request   %s of %s…\ncircuit   %s\nissued    %s, to be answered until %s\npurpose   %s\naccepts   %s\ndata      %s, %s to %s\nuntil     %s\ntrusts    %s\nrule      %s in %q\npolicy    %s\n",
					v.ID, v.Signer[:16], v.Circuit, v.Issued, v.Expires, strings.Join(v.Purpose, "; "), strings.Join(v.Accepted, "; "),
					strings.Join(v.Categories, "; "), v.DataFrom, v.DataTo, v.Until, v.Trust, v.Rule, v.Context, v.Policy)
				for _, q := range v.Questions {
					fmt.Fprintf(w, "asks      %s\n", q.Label)
				}
				fmt.Fprintf(w, "signature %s\n", v.Signed)
			})
		},
	}
}
