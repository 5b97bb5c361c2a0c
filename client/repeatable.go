package client

import (
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
)

// A rule says how long one attempt of a call may take at least, and whether
// the call may be sent again when nobody knows what became of it.
type rule struct {
	atLeast time.Duration
	again   func(request any) bool // nil: never
}

func always(any) bool { return true }

// keyed is a creation that the service recognises when it comes again.
func keyed(request any) bool {
	r, ok := request.(*zkconsentv1.CreateRequestRequest)
	return ok && r.IdempotencyKey != ""
}

// ruleOf is the rule of a method. One that is not listed is never repeated.
// Submit and Verify are the protocol's own: the same bytes have the same effect
// and the same answer (docs/spec.md §7, §10.4). Streams are taken up again by
// who reads them, who knows how far they came.
func ruleOf(method string) rule {
	switch method {
	case zkconsentv1.RegistryService_Submit_FullMethodName:
		return rule{submitTimeout, always}
	case zkconsentv1.ProverService_Prove_FullMethodName, zkconsentv1.ProverService_ProveStream_FullMethodName:
		return rule{proveTimeout, always}
	case zkconsentv1.VerifierService_CreateRequest_FullMethodName:
		return rule{0, keyed}
	case zkconsentv1.RegistryService_GetCheckpoint_FullMethodName,
		zkconsentv1.RegistryService_GetDirectory_FullMethodName,
		zkconsentv1.RegistryService_ListAuthorities_FullMethodName,
		zkconsentv1.RegistryService_ListSchemas_FullMethodName,
		zkconsentv1.RegistryService_ListValueSets_FullMethodName,
		zkconsentv1.RegistryService_GetLog_FullMethodName,
		zkconsentv1.RegistryService_GetLayer_FullMethodName,
		zkconsentv1.RegistryService_GetChanges_FullMethodName,
		zkconsentv1.RegistryService_GetBucket_FullMethodName,
		zkconsentv1.RegistryService_GetAnchor_FullMethodName,
		zkconsentv1.RegistryService_GetGenesis_FullMethodName,
		zkconsentv1.RegistryService_GetTrail_FullMethodName,
		zkconsentv1.RegistryService_GetHeader_FullMethodName,
		zkconsentv1.ProverService_Circuits_FullMethodName,
		zkconsentv1.VerifierService_GetRequest_FullMethodName,
		zkconsentv1.VerifierService_Verify_FullMethodName,
		zkconsentv1.VerifierService_VerifyBatch_FullMethodName,
		zkconsentv1.VerifierService_GetVerdict_FullMethodName,
		zkconsentv1.VerifierService_WatchWithdrawals_FullMethodName,
		zkconsentv1.VerifierService_ScopeStats_FullMethodName:
		return rule{0, always}
	}
	return rule{}
}
