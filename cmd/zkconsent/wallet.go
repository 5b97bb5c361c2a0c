package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
)

// walletFile is the patient's wallet in the patient's folder.
const walletFile = "wallet.age"

// walletWords is how many words restore a wallet.
const walletWords = 24

func (a *app) walletVerb() *cobra.Command {
	c := &cobra.Command{Use: "wallet", Short: "Make, restore and look after a patient's wallet"}
	c.AddCommand(a.walletInitVerb(), a.walletRestoreVerb(), a.walletShowVerb(), a.walletSyncVerb(), a.walletEnrolVerb(), a.walletHistoryVerb())
	return c
}

func (a *app) walletInitVerb() *cobra.Command {
	var wordsOut string
	var work int
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a new wallet and show its 24 words, once",
		Long: `Make a new wallet for the ledger of genesis.zkc in this folder. The 24 words restore
it if the file is lost: they give back the pseudonyms and the power to withdraw.
Write them on paper; whoever has them can withdraw and present in your name.`,
		RunE: func(*cobra.Command, []string) error {
			o, err := a.walletOptions()
			if err != nil {
				return err
			}
			o.WorkFactor = work
			// The file may hold the words of another wallet.
			if _, err := os.Lstat(wordsOut); wordsOut != "" && err == nil {
				return fmt.Errorf("--words-out %s: the file is there already and is not replaced; name another", wordsOut)
			}
			pass, err := a.passphraseFor("passphrase for the new wallet", true)
			if err != nil {
				return err
			}
			w, words, err := wallet.Create(a.path(walletFile), pass, o)
			if err != nil {
				return err
			}
			defer w.Close()
			if err := a.markNew(w); err != nil {
				return errors.Join(err, os.Remove(a.path(walletFile)))
			}
			if err := a.handOver(words.Reveal(), wordsOut); err != nil {
				return errors.Join(fmt.Errorf("the words could not be handed over, so no wallet was made: %w", err), os.Remove(a.path(walletFile)))
			}
			return nil
		},
	}
	c.Flags().StringVar(&wordsOut, "words-out", "", "write the words into this new `file` instead of showing them")
	workFactorFlag(c, &work)
	return c
}

// handOver shows the words of a new wallet, or writes them into a new file.
func (a *app) handOver(words, file string) error {
	v := map[string]string{"wallet": a.path(walletFile)}
	if file == "" {
		v["words"] = words
	} else {
		v["wordsFile"] = file
		if err := writeFile(file, []byte(words+"\n"), 0o600); err != nil {
			return err
		}
	}
	return a.emit(v, func(out io.Writer) {
		fmt.Fprintf(out, "wallet written to %s\n", v["wallet"])
		if file != "" {
			fmt.Fprintf(out, "its %d words are in %s; move them to paper\n", walletWords, file)
			return
		}
		fmt.Fprintf(out, "\nWrite these %d words on paper. They are not shown again.\n\n", walletWords)
		for i, word := range strings.Fields(words) {
			fmt.Fprintf(out, "%2d %-10s", i+1, word)
			if i%6 == 5 {
				fmt.Fprintln(out)
			}
		}
	})
}

func workFactorFlag(c *cobra.Command, work *int) {
	c.Flags().IntVar(work, "work-factor", 0, "log2 of scrypt's cost; lower ones than 18 make guessing the passphrase cheap")
	_ = c.Flags().MarkHidden("work-factor") // for demonstrations and tests alone
}

func (a *app) walletRestoreVerb() *cobra.Command {
	var words string
	var work int
	c := &cobra.Command{
		Use:   "restore",
		Short: "Make a wallet again from its 24 words",
		Long: `Make a wallet from its 24 words. It has the same pseudonyms, finds what it granted
on the ledger, and can withdraw it. What was in the records is gone: consents are
granted again, credentials issued again.`,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := a.walletOptions()
			if err != nil {
				return err
			}
			o.WorkFactor = work
			text, err := a.words(words)
			if err != nil {
				return err
			}
			pass, err := a.passphraseFor("passphrase for the restored wallet", true)
			if err != nil {
				return err
			}
			// A restored wallet looks for its records from the first one on.
			if err := a.unmarkNew(); err != nil {
				return err
			}
			w, err := wallet.Restore(a.path(walletFile), pass, text, o)
			if err != nil {
				return err
			}
			defer w.Close()
			if a.node == "" {
				v := map[string]any{"wallet": a.path(walletFile), "found": 0}
				return a.emit(v, func(out io.Writer) {
					fmt.Fprintln(out, "wallet restored; find what it granted with: zkconsent wallet sync --node HOST:PORT")
				})
			}
			return a.syncWallet(c.Context(), w)
		},
	}
	c.Flags().StringVar(&words, "words", "-", "`file` with the 24 words; - asks for them, or reads a pipe")
	workFactorFlag(c, &work)
	return c
}

// words reads the 24 words from a file, a pipe, or whoever sits at the terminal.
func (a *app) words(path string) (string, error) {
	if f, ok := a.terminal(); ok && path == "-" {
		return a.askWords(f)
	}
	b, err := a.readFile(path, 4096)
	return string(b), err
}

func (a *app) walletOptions() (*wallet.Options, error) {
	g, err := a.genesis()
	if err != nil {
		return nil, err
	}
	return &wallet.Options{Genesis: g.hash, Now: a.now, Keys: a.walletKeys}, nil
}

// openWallet opens the wallet in the party's folder.
func (a *app) openWallet() (*wallet.Wallet, error) {
	o, err := a.walletOptions()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(a.path(walletFile)); err != nil {
		return nil, fmt.Errorf("%w; make a wallet with: zkconsent wallet init", err)
	}
	pass, err := a.passphraseFor("passphrase", false)
	if err != nil {
		return nil, err
	}
	return wallet.Open(a.path(walletFile), pass, o)
}

// withWallet runs a verb with the open wallet and the ledger.
func (a *app) withWallet(ctx context.Context, do func(*wallet.Wallet, *session) error) error {
	w, err := a.openWallet()
	if err != nil {
		return err
	}
	defer w.Close()
	s, err := a.walletSession(ctx, w)
	if err != nil {
		return err
	}
	defer s.close()
	if err := sendDue(ctx, w, s); err != nil {
		return ledgerError(err)
	}
	return do(w, s)
}

// sendDue sends what the wallet still owes the ledger: every verb that reaches
// a node does, so that a withdrawal that was interrupted goes on by itself.
func sendDue(ctx context.Context, w *wallet.Wallet, s *session) error {
	due, err := w.Due()
	if err != nil || len(due) == 0 {
		return err
	}
	return w.Run(ctx, s.relay())
}

func (a *app) walletShowVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show what the wallet holds",
		RunE: func(*cobra.Command, []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			return a.emitWallet(w)
		},
	}
}

func (a *app) walletSyncVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "sync",
		Short: "Read the ledger, find own records and send what is due",
		Long: `Read the ledger, find own records and send what is due. Of a large ledger it also
reads the parts of the tree that hold own records, among as many others, at a time
of the day that is drawn at random and has nothing to do with what the wallet shows
to whom. Run it every day.`,
		RunE: func(c *cobra.Command, _ []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			if a.fromFirst {
				if err := a.readAnew(); err != nil {
					return err
				}
			}
			return a.syncWallet(c.Context(), w)
		},
	}
	c.Flags().BoolVar(&a.fromFirst, "from-first", false, "read the ledger again from its first record, which finds what an older copy would have had")
	return c
}

func (a *app) syncWallet(ctx context.Context, w *wallet.Wallet) error {
	s, err := a.walletSession(ctx, w)
	if err != nil {
		return err
	}
	defer s.close()
	if err := w.Sync(ctx, s.walletLedger()); err != nil {
		return ledgerError(err)
	}
	if err := w.Run(ctx, s.relay()); err != nil {
		return ledgerError(err)
	}
	if err := s.refresh(ctx); err != nil {
		return err
	}
	if err := w.Sync(ctx, s.walletLedger()); err != nil {
		return ledgerError(err)
	}
	if err := s.tend(ctx, w); err != nil {
		return err
	}
	return a.emitWallet(w)
}

func (a *app) emitWallet(w *wallet.Wallet) error {
	consents, err := w.List()
	if err != nil {
		return err
	}
	credentials, err := w.Credentials()
	if err != nil {
		return err
	}
	pending, err := w.Pending()
	if err != nil {
		return err
	}
	v := struct {
		Holder      string           `json:"holder"`
		Consents    []consentView    `json:"consents"`
		Credentials []credentialView `json:"credentials"`
		Pending     int              `json:"pending"`
	}{field.Hex(w.Holder()), viewConsents(consents), viewCredentials(credentials), len(pending)}
	return a.emit(v, func(out io.Writer) {
		fmt.Fprintf(out, "holder %s\n", v.Holder)
		printConsents(out, v.Consents)
		printCredentials(out, v.Credentials)
		if v.Pending > 0 {
			fmt.Fprintf(out, "%d message(s) to the ledger still to be sent; run: zkconsent wallet sync\n", v.Pending)
		}
	})
}

func (a *app) walletEnrolVerb() *cobra.Command {
	var in, out string
	c := &cobra.Command{
		Use:   "enrol --request FILE --out FILE",
		Short: "Answer an issuer's enrol request, so that it can issue to this wallet",
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := a.readMessage("signed-enrol-request", in, consent.MaxMessage)
			if err != nil {
				return err
			}
			r, err := consent.DecodeSignedEnrolRequest(b)
			if err != nil {
				return err
			}
			p, err := a.prover()
			if err != nil {
				return err
			}
			return a.withWallet(c.Context(), func(w *wallet.Wallet, s *session) error {
				issuer, err := w.ReviewEnrolment(c.Context(), s.walletLedger(), r)
				if err != nil {
					return ledgerError(err)
				}
				e, err := w.Enrol(c.Context(), s.walletLedger(), p, r)
				if err != nil {
					return ledgerError(err)
				}
				if err := a.writeMessage("enrolment", out, e.Encode()); err != nil {
					return err
				}
				v := map[string]any{"issuer": issuer.Name, "holder": field.Hex(e.Holder), "nullifier": field.Hex(e.Nullifier), "proofBytes": len(e.Proof), "bytes": len(e.Encode()), "file": out}
				return a.emit(v, func(w io.Writer) {
					fmt.Fprintf(w, "enrolment for %s written to %s (proof %d bytes)\n", issuer.Name, out, len(e.Proof))
				})
			})
		},
	}
	c.Flags().StringVar(&in, "request", "", "`file` with the issuer's enrol request")
	c.Flags().StringVar(&out, "out", "", "`file` to write the enrolment to; - for standard output")
	required(c, "request", "out")
	return c
}

func (a *app) walletHistoryVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "history",
		Short: "List what was shown to whom",
		RunE: func(*cobra.Command, []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			type entry struct {
				At         string   `json:"at"`
				Circuit    string   `json:"circuit"`
				Verifier   string   `json:"verifier"` // or issuer, of an enrolment
				Purpose    string   `json:"purpose"`
				Categories string   `json:"categories"`
				Shown      []string `json:"shown"`
				Rule       string   `json:"rule"`
				Context    string   `json:"context"`
				Until      string   `json:"until"`
				Pseudonym  string   `json:"pseudonym"`
			}
			v := []entry{}
			for _, d := range w.History() {
				v = append(v, entry{instant(d.At), string(d.Circuit), d.SignerName, d.Purpose.String(), d.Categories.String(), d.Labels, string(d.Rule), d.Context, instant(d.Until), field.Hex(d.Nullifier)})
			}
			return a.emit(v, func(w io.Writer) {
				for _, e := range v {
					if e.Purpose == "" {
						fmt.Fprintf(w, "%s  %s  enrolment, as %s…\n", e.At, e.Verifier, e.Pseudonym[:8])
						continue
					}
					fmt.Fprintf(w, "%s  %s  %s (%s), may rely on it until %s, as %s…\n", e.At, e.Verifier, e.Purpose, e.Categories, e.Until, e.Pseudonym[:8])
					for _, s := range e.Shown {
						fmt.Fprintf(w, "    %s\n", s)
					}
				}
				if len(v) == 0 {
					fmt.Fprintln(w, "nothing was shown to anybody")
				}
			})
		},
	}
}

// ledgerError turns a ledger that cannot be relied on into "no decision".
func ledgerError(err error) error {
	var unread *wallet.NotReadError
	if errors.Is(err, wallet.ErrStale) || errors.Is(err, errUnreachable) || errors.As(err, &unread) {
		return &exit{exitUndecided, err}
	}
	return err
}
