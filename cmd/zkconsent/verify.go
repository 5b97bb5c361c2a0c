package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/verifier"
)

func (a *app) verifyVerb() *cobra.Command {
	var record string
	c := &cobra.Command{
		Use:   "verify PRESENTATION…",
		Short: "Decide a presentation that answers this verifier's request",
		Long: `Decide a presentation. Exit status 0 means accepted, 3 denied, 4 no decision: treat
it as denied and try again when the ledger can be reached. The same bytes again get
the stored verdict.

With --server a verifier's service decides, and several presentations in one call.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if a.remote.server != "" {
				return a.verifyAt(c.Context(), args, record)
			}
			if len(args) > 1 {
				return misuse("several presentations are for a service; name it with --server")
			}
			message, err := a.readMessage("presentation", args[0], consent.MaxPresentation)
			var unread *fs.PathError
			if errors.As(err, &unread) {
				return err // no presentation was seen, so there is nothing to deny
			}
			if err != nil {
				return a.verdict(verifier.Verdict{Reason: verifier.Malformed}, err)
			}
			return a.withVerifier(c.Context(), func(v *verifier.Verifier, _ *session) error {
				verdict, err := v.Verify(c.Context(), message)
				if err != nil {
					return errors.Join(a.emitVerdict(verdict), &exit{exitUndecided, err})
				}
				if verdict.Accepted && record != "" {
					b, err := v.Record(c.Context(), verdict.RequestID)
					if err != nil {
						return err
					}
					if err := a.writeMessage("record", record, b); err != nil {
						return err
					}
				}
				return a.verdict(verdict, nil)
			})
		},
	}
	c.Flags().StringVar(&record, "record", "", "write the evidence of an accepted presentation into this file")
	return c
}

// verdict shows a decision and gives it its exit status.
func (a *app) verdict(v verifier.Verdict, why error) error {
	if err := a.emitVerdict(v); err != nil {
		return err
	}
	if !v.Accepted {
		return &exit{exitDenied, why}
	}
	return nil
}

func (a *app) emitVerdict(v verifier.Verdict) error {
	return a.emit(v, func(w io.Writer) { fmt.Fprintln(w, v) })
}

func (a *app) recordVerb() *cobra.Command {
	c := &cobra.Command{Use: "record", Short: "Re-check the evidence behind a verdict"}
	c.AddCommand(a.recordCheckVerb())
	return c
}

func (a *app) recordCheckVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Re-run a verdict from files alone",
		Long: `Re-run a verdict from its record, this folder's genesis.zkc and the verifying keys,
without any network: the validators' signatures, the request's, the holder's, and
the proof. Whether the consent was withdrawn since is for "standing".`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := a.readMessage("record", args[0], verifier.MaxRecord)
			if err != nil {
				return err
			}
			g, err := a.genesis()
			if err != nil {
				return err
			}
			keys, err := a.verifierKeys()
			if err != nil {
				return err
			}
			verdict, err := verifier.Recheck(b, verifier.Trust{Genesis: g.hash, Keys: keys, CheckHead: func(h *directory.Head) error {
				_, err := light.VerifyHead(g.Genesis, h.Encode())
				return err
			}})
			if err != nil {
				return &exit{exitDenied, err}
			}
			return a.verdict(verdict, nil)
		},
	}
}

func (a *app) standingVerb() *cobra.Command {
	var purge bool
	c := &cobra.Command{
		Use:   "standing",
		Short: "List answers that are still relied on, and which were withdrawn",
		Long: `List the accepted answers that this verifier still relies on and test each against
the whole withdrawal log. Nobody needs to be asked for that, the patient least of
all. Data behind a withdrawn answer must not be used any more.

With --purge, answers and requests past their end are deleted first: they must not be
kept. Nullifiers that were spent once stay, or the same claim could be answered again.

With --server a verifier's service is asked, which names the withdrawn ones alone.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.remote.server != "" {
				if purge {
					return misuse("--purge: a service deletes what is past its end by itself")
				}
				return a.standingAt(c.Context())
			}
			return a.withVerifier(c.Context(), func(v *verifier.Verifier, _ *session) error {
				if purge {
					if _, err := v.Purge(c.Context()); err != nil {
						return err
					}
				}
				list := []verifier.Standing{}
				err := v.Standing(c.Context(), func(s verifier.Standing) error {
					list = append(list, s)
					return nil
				})
				if err != nil {
					return &exit{exitUndecided, err}
				}
				return a.emit(list, func(w io.Writer) {
					for _, s := range list {
						state := "in force"
						if s.AskAgain {
							state = "ASK AGAIN: an authority it may rest on is distrusted"
						}
						if s.Withdrawn {
							state = "WITHDRAWN " + instant(s.Since)
						}
						fmt.Fprintf(w, "%s  pseudonym %s…  until %s  %s\n", hex.EncodeToString(s.RequestID[:]), field.Hex(s.Nullifier)[:16], instant(s.Until), state)
					}
					if len(list) == 0 {
						fmt.Fprintln(w, "no answer is relied on")
					}
				})
			})
		},
	}
	c.Flags().BoolVar(&purge, "purge", false, "delete what is past its end first")
	return c
}
