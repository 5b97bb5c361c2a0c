// Package signed makes and checks the signatures of authorities: Ed25519 over
// the kind of the message and the message (docs/spec.md §2.6).
//
// # Caveats
//
// The kind is part of what is signed, so that a signature over a request never
// serves as one over a transaction of the same bytes. A caller names the kind
// as a constant; it never takes it from the message that it is checking.
package signed

import (
	"crypto/ed25519"
	"strings"

	"github.com/zkconsent/zkconsent/internal/field"
)

// Size is the length in bytes of a signature.
const Size = ed25519.SignatureSize

// The kinds of signed messages of version 1.
const (
	Request      = "request"
	EnrolRequest = "enrol-request"
	Transaction  = "transaction"

	CeremonyContribution = "ceremony-contribution"

	MemberCard = "member-card"
)

// Sign signs msg as a message of the given kind. A kind that is empty or holds
// a zero byte is a programming error and panics, because the zero byte is what
// ends the kind.
func Sign(key ed25519.PrivateKey, kind string, msg []byte) []byte {
	return ed25519.Sign(key, input(kind, msg))
}

// Verify reports whether sig is key's signature of msg as a message of kind.
// A key or signature of the wrong length is a false, not a panic.
func Verify(key ed25519.PublicKey, kind string, msg, sig []byte) bool {
	return len(key) == ed25519.PublicKeySize && len(sig) == Size &&
		ed25519.Verify(key, input(kind, msg), sig)
}

func input(kind string, msg []byte) []byte {
	if kind == "" || strings.ContainsRune(kind, 0) {
		panic("signed: a kind is a non-empty text without zero bytes")
	}
	b := make([]byte, 0, len(field.Prefix)+len("signed/")+len(kind)+1+len(msg))
	b = append(b, field.Prefix+"signed/"...)
	b = append(b, kind...)
	b = append(b, 0)
	return append(b, msg...)
}
