package identity

import (
	"crypto/x509"
	"fmt"
	"slices"
	"time"
)

// certificates knows callers by a name in their certificate.
type certificates struct {
	rules []CertificateRule
}

func newCertificates(rules []CertificateRule) (*certificates, error) {
	seen := map[string]bool{}
	for _, r := range rules {
		if (r.URI == "") == (r.DNS == "") {
			return nil, fmt.Errorf("%w: a rule for certificates names a URI or a DNS name, one of them", ErrConfig)
		}
		if seen[r.name()] {
			return nil, fmt.Errorf("%w: two rules for certificates with %q", ErrConfig, r.name())
		}
		seen[r.name()] = true
		if err := checkRoles(r.Roles); err != nil || len(r.Roles) == 0 {
			return nil, fmt.Errorf("%w: the rule for certificates with %q gives no role, or one that there is not", ErrConfig, r.name())
		}
	}
	return &certificates{rules}, nil
}

func (r CertificateRule) name() string {
	if r.URI != "" {
		return "cert:" + r.URI
	}
	return "cert:" + r.DNS
}

// names tells whether a certificate has the rule's name, byte for byte. A
// wildcard is a name like any other.
func (r CertificateRule) names(c *x509.Certificate) bool {
	if r.DNS != "" {
		return slices.Contains(c.DNSNames, r.DNS)
	}
	for _, u := range c.URIs {
		if u.String() == r.URI {
			return true
		}
	}
	return false
}

// principal finds the first rule that names a certificate. A certificate with
// several names has the roles of one of them.
func (s *certificates) principal(c *x509.Certificate, now time.Time) (Principal, error) {
	// The handshake looked at the dates too, but a connection may be kept open.
	switch {
	case now.After(c.NotAfter):
		return Principal{}, whyOver
	case now.Before(c.NotBefore):
		return Principal{}, whyEarly
	}
	for _, r := range s.rules {
		if r.names(c) {
			return Principal{Name: r.name(), Roles: r.Roles}, nil
		}
	}
	return Principal{}, whyNobody
}

// label is what the log calls a certificate: its first name.
func label(c *x509.Certificate) string {
	switch {
	case len(c.URIs) > 0:
		return "cert:" + c.URIs[0].String()
	case len(c.DNSNames) > 0:
		return "cert:" + c.DNSNames[0]
	}
	return "cert: without a name"
}

func checkRoles(roles []Role) error {
	for _, r := range roles {
		if !r.Known() {
			return fmt.Errorf("%w: there is no role %q", ErrConfig, string(r))
		}
	}
	return nil
}
