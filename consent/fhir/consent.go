package fhir

import (
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/zkconsent/zkconsent/consent"
)

// A consentDocument is one Consent, as far as it decides anything.
type consentDocument struct {
	patient string
	policy  string
	given   consent.Time // Consent.dateTime by its latest reading; 0 if absent
	permits []rule       // what is permitted, with all that they inherit
	denials []rule
}

const systemScope = "http://terminology.hl7.org/CodeSystem/consentscope"

// categories lists the kinds of Consent that leave the provisions their meaning.
func categoryFits(c coding) bool {
	switch c.system {
	case "http://loinc.org":
		return slices.Contains([]string{"59284-0", "57016-8", "64292-6"}, c.code)
	case "http://terminology.hl7.org/CodeSystem/v3-ActCode":
		return slices.Contains([]string{"IDSCL", "INFA"}, c.code)
	case "http://terminology.hl7.org/CodeSystem/consentcategorycodes":
		return slices.Contains([]string{"research", "rsdid", "rsreid"}, c.code)
	}
	return false
}

func readConsent(data []byte, o Options) (*consentDocument, error) {
	n, err := open(data, "Consent")
	if err != nil {
		return nil, err
	}
	c := readConsentNode(n, o)
	if n.doc.err != nil {
		return nil, n.doc.err
	}
	return c, nil
}

func readConsentNode(n node, o Options) *consentDocument {
	n.only("resourceType", "meta", "language", "text", "contained", "identifier", "status", "scope", "category", "patient",
		"dateTime", "performer", "organization", "sourceAttachment", "sourceReference", "policy", "policyRule", "verification", "provision")
	if status := n.get("status").need(); status.text() != "active" {
		status.fail(ErrUnsupported, "only an active consent compiles")
	}
	scope := n.get("scope").need().one()
	if scope.system != systemScope || scope.code != "patient-privacy" && scope.code != "research" {
		scope.node.fail(ErrUnsupported, "only the scopes patient-privacy and research are about data")
	}
	categories := n.get("category").need().list()
	for _, category := range categories {
		category.only("coding", "text")
		all := category.codings()
		if len(all) == 0 {
			category.fail(ErrUnknown, "a category without a code may narrow the whole consent")
		}
		for _, coding := range all {
			if !categoryFits(coding) {
				coding.node.fail(ErrUnknown, "category %q of system %q may narrow the whole consent", coding.code, coding.system)
			}
		}
	}
	for _, v := range n.get("verification").list() {
		v.only("verified", "verifiedWith", "verificationDate")
		if !v.get("verified").need().flag() {
			v.get("verified").fail(ErrUnsupported, "the consent is not verified")
		}
	}
	c := &consentDocument{policy: readPolicy(n), patient: readPatientName(n.get("patient").need())}
	if at := n.get("dateTime"); at.present() {
		if s := at.dateTime(); n.doc.err == nil && s.to.Unix() > 0 {
			c.given = clamp(s.to.Add(time.Second - time.Nanosecond)) // a part of a second counts as one
		}
	}
	c.readProvisions(n.get("provision"), o)
	return c
}

// readPatientName is the reference to the consent's patient. One into the
// document would be the same text in documents of two patients.
func readPatientName(n node) string {
	n.only("reference", "type", "identifier", "display")
	reference := n.get("reference").need()
	s := reference.text()
	if n.doc.err == nil && (strings.Contains(s, "#") || !strings.HasPrefix(s, "Patient/") && !strings.Contains(s, "/Patient/") && !strings.HasPrefix(s, "urn:uuid:")) {
		reference.fail(ErrValue, "not the reference of a Patient outside of the document")
	}
	return s
}

// readProvisions sorts the tree's rules into permits and denials.
func (c *consentDocument) readProvisions(root node, o Options) {
	nested := root.get("provision").list()
	if len(nested) > MaxProvisions {
		root.get("provision").fail(ErrUnsupported, "%d provisions, at most %d are read", len(nested), MaxProvisions)
		return
	}
	base := readType(root.get("type"))
	// Read the root as a permit: it may hand its conditions down to permits.
	conditions := readRule(root, Permit)
	if !root.present() {
		conditions = rule{path: root.path, to: consent.MaxTime, dataTo: consent.MaxTime, wideTo: consent.MaxTime, wideDataTo: consent.MaxTime}
	}
	permits := 0
	for _, p := range nested {
		if readType(p.get("type").need()) == Permit {
			permits++
		}
	}
	if base == Undecided {
		// A root that says nothing over nested permits is their base of deny,
		// whatever the caller states for other documents.
		bare := !conditions.conditioned() && !conditions.hasStart && !conditions.hasEnd
		if base = o.Base; bare && permits > 0 {
			base = Deny
		} else if base == Undecided {
			root.get("type").fail(ErrAmbiguous, "whether the root permits or denies is not written, and documents of one shape mean opposite things: state the base decision")
			return
		}
	}
	if base == Permit {
		c.permits = append(c.permits, conditions)
	} else if permits == 0 || conditions.conditioned() {
		r := readRule(root, Deny)
		if !root.present() {
			r = conditions
		}
		r.othersOnly = permits > 0
		c.denials = append(c.denials, r)
	}
	for _, p := range nested {
		if deeper := p.get("provision"); deeper.present() {
			deeper.fail(ErrUnsupported, "provisions nest one level deep at most")
			return
		}
		switch readType(p.get("type")) {
		case Permit:
			c.permits = append(c.permits, readRule(p, Permit).within(conditions))
		case Deny:
			c.denials = append(c.denials, readRule(p, Deny))
		}
	}
}

func readType(n node) Decision {
	switch n.text() {
	case "permit":
		return Permit
	case "deny":
		return Deny
	case "":
		return Undecided
	}
	n.fail(ErrUnknown, "neither permit nor deny")
	return Undecided
}

// readPolicy names the common policy: the URIs of Consent.policy, or else the
// codes of Consent.policyRule.
func readPolicy(n node) string {
	var names []string
	for _, p := range n.get("policy").list() {
		p.only("authority", "uri")
		for _, key := range []string{"uri", "authority"} {
			if s := p.get(key).text(); s != "" {
				names = append(names, s)
				break
			}
		}
	}
	if len(names) == 0 {
		n.get("policyRule").only("coding", "text")
		for _, c := range n.get("policyRule").codings() {
			names = append(names, c.system+"|"+c.code)
		}
		if text := n.get("policyRule").get("text").text(); len(names) == 0 && text != "" {
			names = append(names, text)
		}
	}
	if len(names) == 0 && n.doc.err == nil {
		n.get("policy").fail(ErrMissing, "neither a policy nor a policyRule is named")
	}
	s := strings.Join(names, " ")
	if len(s) > 1024 || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		n.get("policy").fail(ErrValue, "longer than 1024 bytes, or with unprintable characters")
	}
	return s
}
