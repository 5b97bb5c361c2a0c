package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
)

// schemeFlag lets a command line name the proof system of something.
func schemeFlag(c *cobra.Command, scheme *string, preset, of string) {
	c.Flags().StringVar(scheme, "scheme", preset, "proof system of "+of+": groth16, or plonk where the ledger names keys for it")
}

func schemeOf(name string) (consent.Scheme, error) {
	s, err := consent.ParseScheme(name)
	if err != nil {
		return "", &exit{exitUsage, fmt.Errorf("--scheme: %w", err)}
	}
	return s, nil
}
