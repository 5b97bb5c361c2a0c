package main

import "github.com/spf13/cobra"

// verbs lists the top-level verbs in the order in which help shows them.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		a.demoVerb(), a.walletVerb(), a.consentVerb(), a.credentialVerb(), a.proveVerb(),
		a.requestVerb(), a.verifyVerb(), a.standingVerb(), a.recordVerb(),
		a.issuerVerb(), a.registrarVerb(), a.authorityVerb(), a.documentVerb(), a.keysVerb(),
		a.nodeVerb(), a.registryVerb(), a.versionVerb(),
	}
}
