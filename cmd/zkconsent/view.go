package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/wallet"
	"github.com/zkconsent/zkconsent/internal/field"
)

// instant writes a time of the protocol; the bounds of time have words.
func instant(t consent.Time) string {
	switch t {
	case consent.Unstated:
		return ""
	case consent.MaxTime:
		return "open"
	}
	return time.Unix(int64(t), 0).UTC().Format(time.RFC3339)
}

// A consentView is a consent for a patient's eyes.
type consentView struct {
	ID           string `json:"id"`
	State        string `json:"state"`
	To           string `json:"to"`
	Purposes     string `json:"purposes"`
	Restrictions string `json:"restrictions,omitempty"`
	Categories   string `json:"categories"`
	From         string `json:"from"`
	Until        string `json:"until"`
	Policy       string `json:"policy,omitempty"`
	Forgotten    bool   `json:"forgotten,omitempty"`
	Found        bool   `json:"foundOnLedger,omitempty"`
	terms        consent.Terms
}

func viewConsents(list []wallet.Consent) []consentView {
	out := []consentView{}
	for _, c := range list {
		out = append(out, consentView{
			ID: c.ID.String(), State: c.State.String(), To: c.Actor,
			Purposes: c.Terms.Purposes.String(), Restrictions: c.Terms.Restrictions.String(), Categories: c.Terms.Categories.String(),
			From: instant(c.Terms.NotBefore), Until: instant(c.Terms.NotAfter), Policy: c.Policy, Forgotten: c.Forgotten, Found: c.Found, terms: c.Terms,
		})
	}
	return out
}

func printConsents(w io.Writer, list []consentView) {
	for _, c := range list {
		switch {
		case c.Forgotten:
			fmt.Fprintf(w, "consent %s  %-12s forgotten; it can still be withdrawn\n", c.ID, c.State)
		case c.Found:
			fmt.Fprintf(w, "consent %s  %-12s found on the ledger by the words; it can be withdrawn\n", c.ID, c.State)
		default:
			fmt.Fprintf(w, "consent %s  %-12s to %s, until %s\n", c.ID, c.State, c.To, c.Until)
			fmt.Fprintf(w, "    may use  %s\n", strings.Join(c.terms.Categories.Describe(), "; "))
			fmt.Fprintf(w, "    for      %s\n", strings.Join(c.terms.Purposes.Describe(), "; "))
			if c.Restrictions != "" {
				fmt.Fprintf(w, "    if       %s\n", strings.Join(c.terms.Restrictions.Describe(), "; "))
			}
		}
	}
}

// A credentialView is a credential for a patient's eyes.
type credentialView struct {
	ID      string            `json:"id"`
	Issuer  string            `json:"issuer"`
	Schema  string            `json:"schema"`
	Expires string            `json:"expires"`
	Revoked bool              `json:"revoked"`
	Values  map[string]string `json:"values"`
	labels  []string
}

func viewCredentials(list []wallet.Credential) []credentialView {
	out := []credentialView{}
	for _, c := range list {
		v := credentialView{ID: c.ID.String(), Issuer: field.Hex(c.Issuer), Schema: c.Schema, Expires: instant(c.Expires), Revoked: c.Revoked, Values: map[string]string{}}
		for _, a := range c.Values {
			v.Values[a.Label] = a.Text
			v.labels = append(v.labels, a.Label)
		}
		out = append(out, v)
	}
	return out
}

func printCredentials(w io.Writer, list []credentialView) {
	for _, c := range list {
		state := "valid until " + c.Expires
		if c.Revoked {
			state = "revoked"
		}
		fmt.Fprintf(w, "credential %s  %s from %s…, %s\n", c.ID, c.Schema, c.Issuer[:8], state)
		for _, l := range c.labels {
			if c.Values[l] != "" {
				fmt.Fprintf(w, "    %-28s %s\n", l, c.Values[l])
			}
		}
	}
}
