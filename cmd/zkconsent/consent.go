package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/fhir"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
)

func (a *app) consentVerb() *cobra.Command {
	c := &cobra.Command{Use: "consent", Short: "Give, see, withdraw and forget consents"}
	c.AddCommand(a.consentImportVerb(), a.consentGrantVerb(), a.consentListVerb(), a.consentShowVerb(), a.consentRevokeVerb(), a.consentForgetVerb())
	return c
}

func (a *app) consentImportVerb() *cobra.Command {
	var base, policy string
	var actors, purposes, categories []string
	c := &cobra.Command{
		Use:   "import FILE …",
		Short: "Turn FHIR Consents into drafts and show what they would permit",
		Long: `Read FHIR R4 Consent documents of one patient and show, in plain words, what they
would permit. Nothing is given yet: a draft becomes a consent with "consent grant".

All documents compile together, so that what one denies no other permits. What a
document leaves open is refused until you state it with the flags below, and you
answer for what you state. Where they deny what an earlier import permitted, or are a
new version that no longer says it, nothing is imported until it is withdrawn.`,
		Example: "  zkconsent consent import consent.json",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			o := fhir.Options{Now: a.now(), Actors: actors}
			switch base {
			case "":
			case "permit":
				o.Base = fhir.Permit
			case "deny":
				o.Base = fhir.Deny
			default:
				return misuse("--base %s: permit or deny", base)
			}
			var err error
			for _, p := range purposes {
				var m codes.Purposes
				if m, err = codes.ParsePurposes(p); err != nil {
					return misuse("--purpose: %w", err)
				}
				o.Purposes |= m
			}
			for _, k := range categories {
				var m codes.Categories
				if m, err = codes.ParseCategories(k); err != nil {
					return misuse("--category: %w", err)
				}
				o.Categories |= m
			}
			var documents [][]byte
			for _, f := range files {
				b, err := a.readFile(f, fhir.MaxDocument)
				if err != nil {
					return err
				}
				documents = append(documents, b)
			}
			grants, err := fhir.Compile(documents, o)
			if err != nil {
				return err
			}
			return a.withWallet(c.Context(), func(w *wallet.Wallet, s *session) error {
				if err := standingDenied(w, documents, grants, o); err != nil {
					return err
				}
				return a.importGrants(c.Context(), w, s, documents, grants, policy)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&base, "base", "", "what holds where a document does not say: permit or deny")
	f.StringVar(&policy, "policy", "", "the policy text agreed to, where the document does not refer to one")
	f.StringArrayVar(&actors, "actor", nil, "recipient of a permit that names none; may be repeated")
	f.StringArrayVar(&purposes, "purpose", nil, "purpose of a permit that names none; may be repeated")
	f.StringArrayVar(&categories, "category", nil, "category of a permit that names none; may be repeated")
	return c
}

// standingDenied refuses documents that deny what a consent of an earlier import
// still permits, or whose earlier version permitted it: its leaf stands, and a
// document that is only read reaches no leaf.
func standingDenied(w *wallet.Wallet, documents [][]byte, grants []fhir.Grant, o fhir.Options) error {
	all, err := w.List()
	if err != nil {
		return err
	}
	var ids []string
	var sources [][]byte
	var standing []fhir.Grant
	for _, c := range all {
		if c.State >= wallet.Withdrawing || c.Forgotten || c.Found {
			continue
		}
		d, err := w.Document(c.ID)
		if err != nil {
			return err
		}
		ids, sources = append(ids, c.ID.String()), append(sources, d)
		standing = append(standing, fhir.Grant{Actor: c.Actor, Terms: c.Terms, Policy: c.Policy, Source: sha256.Sum256(d)})
	}
	denied, err := fhir.Denied(documents, standing, o)
	if err != nil {
		return err
	}
	for k, g := range standing {
		kept := slices.ContainsFunc(grants, func(h fhir.Grant) bool { return h.Actor == g.Actor && h.Terms == g.Terms && h.Policy == g.Policy })
		for _, d := range documents {
			replaced, err := fhir.Replaces(d, sources[k])
			if err != nil {
				return err
			}
			if replaced && !kept {
				denied = append(denied, k)
			}
		}
	}
	if len(denied) == 0 {
		return nil
	}
	slices.Sort(denied)
	var names []string
	for _, k := range slices.Compact(denied) {
		names = append(names, ids[k])
	}
	return fmt.Errorf("the documents deny or no longer say what consent %s permits, all or part of it: withdraw it with \"zkconsent consent revoke %s\" (a draft: \"consent forget\"), then import again",
		strings.Join(names, ", "), strings.Join(names, " "))
}

func (a *app) importGrants(ctx context.Context, w *wallet.Wallet, s *session, documents [][]byte, grants []fhir.Grant, policy string) error {
	v := struct {
		Consents []consentView `json:"consents"`
		Notes    []string      `json:"notes,omitempty"`
	}{Consents: []consentView{}}
	for i, d := range documents {
		var mine []wallet.Grant
		for _, g := range grants {
			if g.Document != i {
				continue
			}
			if g.Policy == "" {
				g.Policy = policy
			}
			mine = append(mine, wallet.Grant{Actor: g.Actor, Terms: g.Terms, Policy: g.Policy})
			for _, n := range g.Notes {
				v.Notes = append(v.Notes, n.String())
			}
		}
		if len(mine) == 0 {
			v.Notes = append(v.Notes, fmt.Sprintf("document %d permits nothing", i+1))
			continue
		}
		drafts, err := w.Import(ctx, s.walletLedger(), d, mine)
		if err != nil {
			return ledgerError(err)
		}
		v.Consents = append(v.Consents, viewConsents(drafts)...)
	}
	return a.emit(v, func(out io.Writer) {
		printConsents(out, v.Consents)
		for _, n := range v.Notes {
			fmt.Fprintf(out, "note: %s\n", n)
		}
		fmt.Fprintln(out, "drafts only; give them with: zkconsent consent grant --registrar ID --out FILE ID …")
	})
}

// recordIDs parses ids; without any it takes all records in one of the states.
func recordIDs(w *wallet.Wallet, args []string, states ...wallet.State) ([]wallet.ID, error) {
	var ids []wallet.ID
	for _, s := range args {
		id, err := wallet.ParseID(s)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	if len(args) > 0 {
		return ids, nil
	}
	all, err := w.List()
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		for _, s := range states {
			if c.State == s {
				ids = append(ids, c.ID)
			}
		}
	}
	return ids, nil
}

func (a *app) consentGrantVerb() *cobra.Command {
	var registrar, out string
	c := &cobra.Command{
		Use:   "grant --registrar ID --out FILE [ID …]",
		Short: "Give consents: seal drafts for a registrar",
		Long: `Seal drafts so that a registrar can put them on the ledger without being able to
read them. Without ids all drafts are sealed. A consent counts as given when
"wallet sync" finds it on the ledger.`,
		RunE: func(c *cobra.Command, args []string) error {
			id, err := field.ParseHex(registrar)
			if err != nil {
				return misuse("--registrar: %w", err)
			}
			return a.withWallet(c.Context(), func(w *wallet.Wallet, s *session) error {
				ids, err := recordIDs(w, args, wallet.Draft, wallet.Sealed)
				if err != nil {
					return err
				}
				if len(ids) == 0 {
					return errors.New("no drafts to give; import a consent first: zkconsent consent import FILE")
				}
				batch, err := w.Grant(c.Context(), s.walletLedger(), id, ids...)
				if err != nil {
					return ledgerError(err)
				}
				if err := a.writeMessage("sealed", out, batch.Encode()); err != nil {
					return err
				}
				v := map[string]any{"sealed": len(batch.Items), "file": out}
				return a.emit(v, func(w io.Writer) {
					fmt.Fprintf(w, "%d consent(s) sealed into %s for the registrar\n", len(batch.Items), out)
				})
			})
		},
		Args: cobra.ArbitraryArgs,
	}
	c.Flags().StringVar(&registrar, "registrar", "", "`id` of the registrar, from: zkconsent authority list --json")
	c.Flags().StringVar(&out, "out", "", "`file` to write; - for standard output")
	required(c, "registrar", "out")
	return c
}

func (a *app) consentListVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List consents: to whom, for what, until when",
		RunE: func(*cobra.Command, []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			list, err := w.List()
			if err != nil {
				return err
			}
			v := viewConsents(list)
			return a.emit(v, func(out io.Writer) {
				printConsents(out, v)
				if len(v) == 0 {
					fmt.Fprintln(out, "no consents; import one with: zkconsent consent import FILE")
				}
			})
		},
	}
}

func (a *app) consentShowVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show one consent and the document behind it",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			ids, err := recordIDs(w, args)
			if err != nil {
				return err
			}
			list, err := w.Show(ids...)
			if err != nil {
				return err
			}
			v := struct {
				consentView
				Document string `json:"document,omitempty"`
			}{consentView: viewConsents(list)[0]}
			if !v.Forgotten && !v.Found {
				d, err := w.Document(ids[0])
				if err != nil {
					return err
				}
				v.Document = string(d)
			}
			return a.emit(v, func(out io.Writer) {
				printConsents(out, []consentView{v.consentView})
				fmt.Fprintf(out, "codes: categories %s; purposes %s", v.Categories, v.Purposes)
				if v.Restrictions != "" {
					fmt.Fprintf(out, "; duties %s", v.Restrictions)
				}
				fmt.Fprintln(out)
				if v.Policy != "" {
					fmt.Fprintf(out, "policy: %s\n", v.Policy)
				}
				if v.Document != "" {
					fmt.Fprintf(out, "document:\n%s\n", v.Document)
				}
			})
		},
	}
}

func describe(w io.Writer, what string, names []string) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(w, "%s:\n", what)
	for _, n := range names {
		fmt.Fprintf(w, "    %s\n", n)
	}
}

func (a *app) consentRevokeVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke [ID …]",
		Short: "Withdraw consents; it takes effect at once",
		Long: `Withdraw consents; without ids, all that were given. The withdrawal is published at
once: every verifier that relies on one of them learns so, and nothing more is
proved with them. If no node can be reached it is saved, and sent by the next verb
that reaches one. Leaves are erased after a random delay, so that the two are not
seen together; every later verb sends what is due.

Consents that are withdrawn in one go are published one after the other: whoever
watches the ledger may guess that they belong together. Where that matters, withdraw
them one by one, at different times.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			ids, err := recordIDs(w, args, wallet.Sealed, wallet.Registered, wallet.Misregistered)
			if err != nil {
				return err
			}
			if err := a.withdraw(c.Context(), w, ids); err != nil {
				return err
			}
			list, err := w.Show(ids...)
			if err != nil {
				return err
			}
			v := viewConsents(list)
			return a.emit(v, func(out io.Writer) {
				printConsents(out, v)
				if len(v) == 0 {
					fmt.Fprintln(out, "no consent was given, so there is none to withdraw")
				}
			})
		},
	}
}

// withdraw saves the decision first and needs a node only to publish it.
func (a *app) withdraw(ctx context.Context, w *wallet.Wallet, ids []wallet.ID) error {
	s, offline := a.walletFollow(ctx, w)
	var relay wallet.Relay
	if offline == nil {
		defer s.close()
		relay = s.relay()
	}
	var unsent error
	for _, id := range ids {
		if err := w.Withdraw(ctx, relay, id); err != nil {
			if errors.Is(err, wallet.ErrState) || errors.Is(err, wallet.ErrUnknownRecord) {
				return err
			}
			unsent = err
		}
	}
	if offline != nil {
		unsent = offline
	}
	if unsent != nil && len(ids) > 0 {
		return &exit{exitUndecided, fmt.Errorf("nothing more is proved with these consents, but the withdrawal is not published yet: %w; run: zkconsent wallet sync", unsent)}
	}
	if offline != nil {
		return offline
	}
	if err := s.refresh(ctx); err != nil {
		return err
	}
	return ledgerError(w.Sync(ctx, s.walletLedger()))
}

func (a *app) consentForgetVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "forget ID",
		Short: "Erase what a consent says, and say what remains",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			id, err := wallet.ParseID(args[0])
			if err != nil {
				return err
			}
			e, err := w.Forget(id)
			if err != nil {
				return err
			}
			return a.emit(e, func(out io.Writer) {
				describe(out, "erased", e.Erased)
				describe(out, "what remains", e.Remains)
			})
		},
	}
}
