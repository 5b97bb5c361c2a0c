package identity

import "slices"

// Anyone stands in the table for callers of every role and of none. It is not a
// role that a credential can give.
const Anyone Role = "anyone"

const (
	registry = "/zkconsent.v1.RegistryService/"
	prover   = "/zkconsent.v1.ProverService/"
	verifier = "/zkconsent.v1.VerifierService/"
	health   = "/grpc.health.v1.Health/"
)

// Table returns who may call what: the roles of each full method. What is not
// in it, nobody may call.
func Table() map[string][]Role {
	asks := []Role{Insurer, Researcher}
	reads := []Role{Insurer, Researcher, Auditor}
	t := map[string][]Role{
		prover + "Prove":       {Patient},
		prover + "ProveStream": {Patient},
		prover + "Circuits":    {Anyone},

		verifier + "CreateRequest":    asks,
		verifier + "GetRequest":       {Anyone},
		verifier + "Verify":           {Anyone},
		verifier + "VerifyBatch":      asks,
		verifier + "GetVerdict":       reads,
		verifier + "WatchWithdrawals": asks,
		verifier + "ScopeStats":       reads,

		health + "Check": {Anyone},
		health + "Watch": {Anyone},
	}
	for _, method := range []string{
		"GetCheckpoint", "GetDirectory", "ListAuthorities", "ListSchemas", "ListValueSets", "GetLog", "GetLayer", "GetChanges",
		"GetBucket", "GetAnchor", "WatchWithdrawals", "GetGenesis", "Submit", "GetTrail", "GetHeader",
	} {
		t[registry+method] = []Role{Anyone}
	}
	return t
}

// Changes tells whether a method changes something, so that who called it is
// kept. Who reads what is nobody's business: reading calls, and the answers
// that patients hand in, are logged without their caller.
func Changes(method string) bool {
	return method == verifier+"CreateRequest" || method == registry+"Submit"
}

// allowed tells whether a caller with these roles may call a method of the
// table.
func allowed(table map[string][]Role, method string, roles []Role) bool {
	may := table[method]
	return slices.Contains(may, Anyone) || slices.ContainsFunc(roles, func(r Role) bool { return r != Anyone && slices.Contains(may, r) })
}

// Known tells whether r is a role that a credential can give.
func (r Role) Known() bool { return slices.Contains(Roles(), r) }
