// Package zkconsentv1 is the network face of the ledger, the prover and the
// verifier: gRPC messages and services, and an HTTP gateway to them, generated
// from the .proto files beside it (docs/spec.md §7 to §10). `make generate`
// writes the other files; the OpenAPI document is in api/openapi.
//
// # Caveats
//
// Protobuf and JSON are never hashed or signed (docs/spec.md §2.5). What comes
// out of these messages is bytes of unknown origin until a client has checked
// it against a signed header.
package zkconsentv1
