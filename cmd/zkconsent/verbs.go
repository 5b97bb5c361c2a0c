package main

import "github.com/spf13/cobra"

// addVerbs adds the top-level verbs, grouped by who uses them as help shows it.
func (a *app) addVerbs(root *cobra.Command) {
	for _, g := range []struct {
		id, title string
		verbs     []*cobra.Command
	}{
		{"patient", "For patients:", []*cobra.Command{a.walletVerb(), a.consentVerb(), a.credentialVerb(), a.proveVerb(), a.presentVerb(), a.circuitsVerb()}},
		{"verifier", "For verifiers and auditors:", []*cobra.Command{a.requestVerb(), a.verifyVerb(), a.verdictVerb(), a.standingVerb(), a.withdrawalsVerb(), a.statsVerb(), a.recordVerb(), a.proofVerb()}},
		{"authority", "For issuers, registrars and stewards:", []*cobra.Command{a.issuerVerb(), a.registrarVerb(), a.authorityVerb(), a.stewardVerb(), a.documentVerb()}},
		{"operator", "For whoever runs the machines:", []*cobra.Command{a.keysVerb(), a.ceremonyVerb(), a.nodeVerb(), a.serveVerb(), a.doctorVerb(), a.registryVerb(), a.directoryVerb(), a.validatorVerb()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.verbs {
			c.GroupID = g.id
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.demoVerb(), a.versionVerb())
}
