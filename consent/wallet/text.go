package wallet

import (
	"fmt"
	"strings"
)

// Text writes the review for a terminal.
func (v *Review) Text() string {
	var b strings.Builder
	line := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-12s %s\n", name, text)
		}
	}
	line("Who asks", fmt.Sprintf("%s (%s)", v.Verifier, v.VerifierURI))
	line("For", v.Purpose)
	line("About", strings.Join(v.Categories, "; "))
	line("From", v.DataFrom+" to "+v.DataTo)
	line("Promises", strings.Join(v.Promises, "; "))
	line("Policy", v.Policy)
	for i, q := range v.Questions {
		line(fmt.Sprintf("Question %d", i+1), q.Asked)
		line("", "that is: "+q.Means)
	}
	if v.UsesConsent {
		line("Consent", "the answer uses a consent that you gave to this verifier")
	} else {
		line("Consent", "the answer uses no consent; you decide now")
	}
	line("Trusts", fmt.Sprintf("%s (%s)", v.Trust, strings.Join(v.Trusted, ", ")))
	line("Again?", v.RuleMeans)
	line("Valid until", v.Until)
	line("Answer by", v.AnswerBy)
	line("Goes to", v.ReturnTo)
	for _, w := range v.Warnings {
		line("Warning", w.Text)
	}
	return b.String()
}
