package consent

import (
	"encoding/hex"
	"fmt"
)

// A Scheme is a proof system (docs/spec.md §9.5).
type Scheme string

// The schemes. Groth16 proofs are short and fast; each circuit's keys come
// from a ceremony of their own. PLONK's keys follow from powers of tau that
// serve every circuit, and its proofs are longer and dearer.
const (
	Groth16 Scheme = "groth16"
	Plonk   Scheme = "plonk"
)

// Schemes lists the schemes of this version.
func Schemes() []Scheme { return []Scheme{Groth16, Plonk} }

// ParseScheme reads a scheme's name.
func ParseScheme(name string) (Scheme, error) {
	for _, s := range Schemes() {
		if string(s) == name {
			return s, nil
		}
	}
	return "", fmt.Errorf("%q is no proof system; there are %v", name, Schemes())
}

// ProofSize is the length in bytes of the scheme's proofs; 0 for no scheme.
func (s Scheme) ProofSize() int {
	switch s {
	case Groth16:
		return 128
	case Plonk:
		return 512
	}
	return 0
}

// MaxProof is the length in bytes of the longest scheme's proofs.
const MaxProof = 512

// A Proof is a proof's bytes, as long as its circuit's scheme has them. It is
// a string so that nobody, the prover included, can change it between its
// check and its signature.
type Proof string

// String is the proof in lower-case hexadecimal.
func (p Proof) String() string { return hex.EncodeToString([]byte(p)) }

// schemeOfSize is the scheme whose proofs have this length; none has another's.
func schemeOfSize(n int) (Scheme, bool) {
	for _, s := range Schemes() {
		if n == s.ProofSize() {
			return s, true
		}
	}
	return "", false
}
