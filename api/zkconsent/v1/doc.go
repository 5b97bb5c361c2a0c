// Package zkconsentv1 is the network face of the ledger: gRPC messages and
// services, and an HTTP gateway to them, generated from registry.proto
// (docs/spec.md §7, §8). `make generate` writes the other files; the OpenAPI
// documents are under api/openapi.
//
// # Caveats
//
// Protobuf and JSON are never hashed or signed (docs/spec.md §2.5). What comes
// out of these messages is bytes of unknown origin until a client has checked
// it against a signed header.
package zkconsentv1
