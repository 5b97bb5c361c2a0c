package identity

import (
	"errors"
	"log/slog"
	"time"
)

// ErrConfig reports a configuration that would let in whom nobody meant, or
// nobody.
var ErrConfig = errors.New("identity: the configuration is wrong")

// A GuardConfig says whose credentials hold. The zero GuardConfig lets in
// callers without a credential alone.
type GuardConfig struct {
	// Certificates are the rules for client certificates. One that no rule
	// names is refused.
	Certificates []CertificateRule

	// Issuers are those whose bearer tokens hold.
	Issuers []TokenIssuer

	// Loopback are the roles of a caller without a credential on a plaintext
	// loopback listener, for a machine with a single user. Default: none.
	Loopback []Role

	// Rate is what one principal may call; default 100 a second, 1,000 at once.
	Rate Rate

	// AnonymousRate is what callers without a credential may call from one
	// address (IPv4) or one /56 (IPv6); default as Rate. Behind a proxy all of
	// them have one address.
	AnonymousRate Rate

	// Logger takes refused credentials and the changes that principals made;
	// default: none are logged.
	Logger *slog.Logger

	// Now is the clock; default time.Now.
	Now func() time.Time
}

// A CertificateRule gives roles to the client certificates with one name.
type CertificateRule struct {
	// URI or DNS is one subject alternative name, compared byte for byte. One of
	// the two is set.
	URI, DNS string
	Roles    []Role
}

// A TokenIssuer is an OpenID provider whose signed tokens hold.
type TokenIssuer struct {
	// URL is the issuer's identifier as its tokens carry it, https, or http on
	// loopback. Its keys are found by discovery.
	URL string

	// Audience is what a token must be meant for.
	Audience string

	// Algorithms are the signatures that hold, of RS256, ES256 and EdDSA;
	// default all three.
	Algorithms []string

	// Claim names the claim with the caller's groups: a string, or a list of
	// strings. Default "roles".
	Claim string

	// Roles says which roles a group gives. Groups that are not in it give none.
	Roles map[string][]Role

	// Require are claims that must be there with exactly this value, such as
	// the tenant at an issuer of many.
	Require map[string]string

	// CAFile holds the certificates, in PEM, that vouch for the issuer's own
	// TLS; default: the machine's.
	CAFile string

	// KeysEvery is how often the issuer's keys are fetched anew; a key that the
	// issuer took back is refused from then on. Default 5 minutes.
	KeysEvery time.Duration
}

// A Rate bounds calls by their weight: 1 for a reading call, more for those
// that cost more (docs/authorization.md).
type Rate struct {
	// PerSecond is the weight a second; 0 means the default, less than 0 no
	// bound.
	PerSecond float64
	// Burst is the weight at once; 0 means the default.
	Burst int
}
