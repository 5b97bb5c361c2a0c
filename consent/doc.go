// Package consent is the vocabulary that every party shares: consents and
// credentials and their commitments, statements, requests, presentations, and
// the one validator that wallet and verifier both put a request through
// (docs/spec.md §§4, 9, 10).
//
// Every message has one binary form (internal/tlv) and a JSON face; only the
// binary form is hashed or signed.
//
// # Caveats
//
// A decoded message is well-formed, not true: signatures, digests and the
// directory are checked by [SignedRequest.Validate] and by the packages that
// hold a verified head. A [Consent] or a [Credential] opens a commitment: it is
// the patient's secret and belongs in a wallet only.
package consent
