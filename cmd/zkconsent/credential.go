package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
)

func (a *app) credentialVerb() *cobra.Command {
	c := &cobra.Command{Use: "credential", Short: "Take credentials from issuers and see them"}
	c.AddCommand(a.credentialAcceptVerb(), a.credentialListVerb())
	return c
}

func (a *app) credentialAcceptVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "accept FILE",
		Short: "Take a credential that an issuer offers",
		Long:  `Check an offer and keep its credential: it is for this wallet, its issuer is on the ledger, and so is its leaf.`,
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, err := a.readMessage("offer", args[0], consent.MaxMessage)
			if err != nil {
				return err
			}
			return a.withWallet(c.Context(), func(w *wallet.Wallet, s *session) error {
				k, err := w.AcceptOffer(c.Context(), s.walletLedger(), b)
				if err != nil {
					return ledgerError(err)
				}
				v := viewCredentials([]wallet.Credential{k})
				return a.emit(v[0], func(out io.Writer) { printCredentials(out, v) })
			})
		},
	}
}

func (a *app) credentialListVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List credentials and what they say",
		RunE: func(*cobra.Command, []string) error {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer w.Close()
			list, err := w.Credentials()
			if err != nil {
				return err
			}
			v := viewCredentials(list)
			return a.emit(v, func(out io.Writer) {
				printCredentials(out, v)
				if len(v) == 0 {
					fmt.Fprintln(out, "no credentials; an issuer offers one after: zkconsent wallet enrol")
				}
			})
		},
	}
}
