package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// immutable says of an answer that the same call has the same answer for ever,
// so that caches between node and client may keep it and answer in its place:
// what a cache answers, the node does not even see.
func immutable(ctx context.Context, answer ...[]byte) {
	label(ctx, "public, max-age=31536000, immutable", answer)
}

// mutable says of an answer that a cache has to ask whether it still holds.
func mutable(ctx context.Context, answer ...[]byte) {
	label(ctx, "no-cache", answer)
}

// label sets the headers of an answer for the REST face. The ETag is a digest
// of its parts. An answer that cannot be labelled, in a call that is no
// stream's, is one without REST.
func label(ctx context.Context, policy string, answer [][]byte) {
	h := sha256.New()
	for _, part := range answer {
		digest := sha256.Sum256(part)
		h.Write(digest[:])
	}
	tag := `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
	_ = grpc.SetHeader(ctx, metadata.Pairs("cache-control", policy, "etag", tag))
}
