// Package identity says who calls a service and what they may call: principals
// from client certificates and bearer tokens, a table of roles for each method,
// and a rate for each principal (docs/authorization.md).
//
// # Caveats
//
// A method that is not in the table is refused. Patients call a verifier
// without a principal, since one would tell who they are: what they may call is
// in the table as [Anyone].
package identity

import (
	"context"
	"slices"
)

// A Role is what a caller may be.
type Role string

// The roles. Registrar, Issuer, Insurer and Researcher are members of staff or
// programs of an organisation; none of them is an authority's signature, which
// the ledger checks by itself.
const (
	Patient    Role = "patient"    // has proofs made
	Registrar  Role = "registrar"  // commits consents
	Issuer     Role = "issuer"     // commits and revokes credentials
	Insurer    Role = "insurer"    // asks and verifies
	Researcher Role = "researcher" // asks and verifies
	Auditor    Role = "auditor"    // reads verdicts and their evidence
	Operator   Role = "operator"   // runs the process
)

// Roles lists all roles, in the order of the table.
func Roles() []Role {
	return []Role{Patient, Registrar, Issuer, Insurer, Researcher, Auditor, Operator}
}

// A Principal is a caller whose credential holds. The zero Principal is a
// caller without one.
type Principal struct {
	// Name is what the credential says: "cert:" and the URI or DNS name of a
	// certificate, or "token:" with the issuer and the subject. It goes into the
	// log of changes, never into metrics or traces.
	Name  string
	Roles []Role
}

// Has tells whether the principal has one of the roles.
func (p Principal) Has(any ...Role) bool {
	return slices.ContainsFunc(any, func(r Role) bool { return slices.Contains(p.Roles, r) })
}

type key struct{}

// With returns a context that carries a principal. Only the interceptors of
// this package call it outside tests.
func With(ctx context.Context, p Principal) context.Context { return context.WithValue(ctx, key{}, p) }

// From returns the principal of a call, the zero one where there is none.
func From(ctx context.Context) Principal {
	p, _ := ctx.Value(key{}).(Principal)
	return p
}
