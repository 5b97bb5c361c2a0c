package directory

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/zkconsent/zkconsent/internal/tlv"
)

const (
	maxSeconds = 366 * 24 * 3600
	maxPowBits = 40
	allRoles   = Issuer | Registrar | Verifier | Custodian | Steward
)

// An InvalidError names what a genesis or a directory may not hold.
type InvalidError struct {
	Where  string // the field, with the item's position in its list
	Reason string
}

func (e *InvalidError) Error() string { return "directory: " + e.Where + ": " + e.Reason }

func invalid(where, format string, args ...any) error {
	return &InvalidError{Where: where, Reason: fmt.Sprintf(format, args...)}
}

// Validate reports the first thing that makes the directory unusable: a
// parameter out of bounds, a list that is not strictly ascending, a key or URI
// that two authorities share, too few active stewards to govern, or a message
// above [MaxEncoded].
func (d *Directory) Validate() error {
	if err := d.Parameters.validate(); err != nil {
		return err
	}
	if n := len(d.Authorities); n > MaxAuthorities {
		return invalid("authorities", "%d, at most %d are allowed", n, MaxAuthorities)
	}
	keys, uris, stewards := map[string]bool{}, map[string]bool{}, uint64(0)
	for i, a := range d.Authorities {
		where := fmt.Sprintf("authorities[%d]", i)
		if err := a.Validate(); err != nil {
			return invalid(where, "%v", err)
		}
		if i > 0 && a.ID.Cmp(&d.Authorities[i-1].ID) <= 0 {
			return invalid(where+".id", "ids must ascend and differ")
		}
		// A key or URI of two authorities would let one speak as the other.
		if keys[string(a.Key)] {
			return invalid(where+".key", "another authority has it")
		}
		if uris[a.URI] {
			return invalid(where+".uri", "another authority has it")
		}
		keys[string(a.Key)], uris[a.URI] = true, true
		if a.Active && a.Roles&Steward != 0 {
			stewards++
		}
	}
	// Otherwise nobody could ever rotate a key or stop a thief.
	if p := d.Parameters.Stewards; p > stewards || p == 0 && stewards > 0 {
		return invalid("parameters.stewards", "%d signatures are asked of %d active stewards", p, stewards)
	}
	for i, list := range [][]Named{d.Schemas, d.ValueSets, d.TrustLists} {
		if len(list) > MaxNamed {
			return invalid(namedFields[i], "%d, at most %d are allowed", len(list), MaxNamed)
		}
		for j, n := range list {
			where := fmt.Sprintf("%s[%d].name", namedFields[i], j)
			if reason := textFault(n.Name, MaxName); reason != "" {
				return invalid(where, "%s", reason)
			}
			if j > 0 && n.Name <= list[j-1].Name {
				return invalid(where, "names must ascend and differ")
			}
		}
	}
	if n := len(d.Manifests); n > MaxManifests {
		return invalid("manifests", "%d, at most %d are allowed", n, MaxManifests)
	}
	for i, m := range d.Manifests {
		where := fmt.Sprintf("manifests[%d].circuit", i)
		if reason := textFault(m.Circuit, MaxName); reason != "" {
			return invalid(where, "%s", reason)
		}
		if i > 0 && m.Circuit <= d.Manifests[i-1].Circuit {
			return invalid(where, "circuit ids must ascend and differ")
		}
	}
	if err := d.validateMembers(); err != nil {
		return err
	}
	// Full lists together are longer than a message may be. A directory that
	// nobody can read again would stop every node at its next start, and every
	// client at once.
	if n := len(d.Encode()); n > MaxEncoded {
		return invalid("directory", "%d bytes, at most %d are allowed", n, MaxEncoded)
	}
	return nil
}

func (p Parameters) validate() error {
	for _, b := range []struct {
		name          string
		v, least, max uint64
	}{
		{"epoch", p.Epoch, 1, maxSeconds},
		{"max head age", p.MaxHeadAge, 1, maxSeconds},
		// A heartbeat slower than the head's greatest age would leave every
		// client of an idle ledger without a decision.
		{"heartbeat", p.Heartbeat, 1, p.MaxHeadAge},
		{"quota", p.Quota, 1, MaxLive},
		{"pow bits", p.PowBits, 1, maxPowBits},
		{"revoke delay", p.RevokeDelay, 0, maxSeconds},
		{"stewards", p.Stewards, 0, MaxStewards},
		// A head that is fresh enough to decide by must vouch for the next one, or
		// every client is lost between two blocks, and none finds back alone.
		{"trust period", p.TrustPeriod, max(1, p.MaxHeadAge), maxSeconds},
	} {
		if b.v < b.least || b.v > b.max {
			return invalid("parameters."+b.name, "%d is not between %d and %d", b.v, b.least, b.max)
		}
	}
	// An epoch closes with a block. On an idle ledger the next block is the
	// heartbeat's, and a revoked credential would stay good until then.
	if !p.EveryBlock && p.Heartbeat > p.Epoch {
		return invalid("parameters.heartbeat", "%d is slower than the epoch of %d seconds", p.Heartbeat, p.Epoch)
	}
	return nil
}

// Validate checks one record by itself. That an id is [AuthorityID] of the
// first key is checked where the first key is known: at genesis, and when a
// transaction adds the authority.
func (a *Authority) Validate() error {
	switch {
	case a.ID.IsZero():
		return invalid("id", "zero means no signer")
	case len(a.Key) != ed25519.PublicKeySize:
		return invalid("key", "%d bytes, an Ed25519 key has %d", len(a.Key), ed25519.PublicKeySize)
	case WeakKey(a.Key):
		return invalid("key", "everybody can sign with it")
	case a.Roles == 0 || a.Roles&^allRoles != 0:
		return invalid("roles", "%#x is not a non-empty set of known roles", uint8(a.Roles))
	case a.Live > MaxLive:
		return invalid("live", "%d is above %d", a.Live, MaxLive)
	case a.Sequence > maxSequence:
		return invalid("sequence", "%d is above 2^62", a.Sequence)
	}
	if reason := textFault(a.Name, MaxName); reason != "" {
		return invalid("name", "%s", reason)
	}
	if reason := uriFault(a.URI); reason != "" {
		return invalid("uri", "%s", reason)
	}
	return nil
}

// uriFault wants an absolute URI in visible ASCII: the form in which two
// documents that mean one organisation spell it alike.
func uriFault(s string) string {
	if len(s) == 0 || len(s) > MaxURI {
		return fmt.Sprintf("%d bytes, allowed are 1 to %d", len(s), MaxURI)
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return fmt.Sprintf("byte %d is not visible ASCII", i)
		}
	}
	if scheme, rest, _ := strings.Cut(s, ":"); !isScheme(scheme) || rest == "" {
		return "not an absolute URI"
	}
	return ""
}

// isScheme is RFC 3986 §3.1, by hand: this decides in every validator whether
// a transaction is executed, and what net/url accepts depends on the version
// of Go that built the validator.
func isScheme(s string) bool {
	for i := range len(s) {
		letter := s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z'
		other := s[i] >= '0' && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.'
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}

func textFault(s string, max int) string {
	switch {
	case len(s) == 0 || len(s) > max:
		return fmt.Sprintf("%d bytes, allowed are 1 to %d", len(s), max)
	case !utf8.ValidString(s):
		return "not UTF-8"
	case strings.TrimSpace(s) != s:
		return "begins or ends with white space"
	}
	for i, c := range s {
		if !tlv.PrintableRune(c) {
			return fmt.Sprintf("unprintable character %U at %d", c, i)
		}
	}
	return ""
}
