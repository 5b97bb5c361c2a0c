// Package zkconsent is the map of a module that verifies consents without
// names: a patient proves that a consent is in force and that attested facts
// meet a policy, and stays unknown. docs/spec.md is the protocol; this package
// holds no code.
//
// The data's way, from left to right:
//
//	consent/fhir → consent/wallet → registry (commitment) → prover (proof)
//	  → verifier (verdict, record) → verifier again (withdrawn or in force)
//
// A patient's side starts at consent/wallet, an issuer's at consent/issuer, a
// verifier's at verifier and verifier/policy, a ledger member's at
// registry/ledger; whoever only reads the ledger starts at
// registry/ledger/light. cmd/zkconsent shows how they fit together, and
// `zkconsent demo` plays them.
package zkconsent
