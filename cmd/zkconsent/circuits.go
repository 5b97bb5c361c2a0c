package main

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/client"
)

func (a *app) circuitsVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "circuits --server ADDRESS",
		Short: "List the circuits that a prover's service proves",
		RunE: func(c *cobra.Command, _ []string) error {
			if a.remote.server == "" {
				return misuse("which service? name its address with --server HOST:PORT or $ZKCONSENT_SERVER; this machine's keys are shown by: zkconsent keys show")
			}
			conn, err := a.connect(a.remote.server)
			if err != nil {
				return err
			}
			defer conn.Close()
			list, err := client.NewProver(conn, nil).Circuits(c.Context())
			if err != nil {
				return remoteError(err)
			}
			type view struct {
				Circuit  string `json:"circuit"`
				Manifest string `json:"manifest"`
			}
			out := []view{}
			for _, one := range list {
				out = append(out, view{string(one.ID), hex.EncodeToString(one.Manifest[:])})
			}
			return a.emit(out, func(w io.Writer) {
				for _, v := range out {
					fmt.Fprintf(w, "%-28s %s\n", v.Circuit, v.Manifest)
				}
			})
		},
	}
}
