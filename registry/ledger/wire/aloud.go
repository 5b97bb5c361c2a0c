package wire

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
)

// aloud keeps the directory that was decoded last: it changes by a decision of
// the stewards, and is asked for by anybody.
type aloud struct {
	mu      sync.Mutex
	digest  [sha256.Size]byte
	decoded *directory.Directory
}

// directory returns the source's directory, and labels the answer by it: every
// list changes with it and with nothing else.
func (s *Service) directory(ctx context.Context) (*directory.Directory, error) {
	b, err := s.source.Directory(ctx)
	if err != nil {
		return nil, fault(err)
	}
	digest := sha256.Sum256(b)
	s.aloud.mu.Lock()
	defer s.aloud.mu.Unlock()
	if s.aloud.decoded == nil || s.aloud.digest != digest {
		d, err := directory.DecodeDirectory(b)
		if err != nil {
			return nil, broken()
		}
		s.aloud.digest, s.aloud.decoded = digest, d
	}
	mutable(ctx, b)
	return s.aloud.decoded, nil
}

// ListAuthorities reads the directory's authorities aloud.
func (s *Service) ListAuthorities(ctx context.Context, _ *zkconsentv1.ListAuthoritiesRequest) (*zkconsentv1.ListAuthoritiesResponse, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	out := &zkconsentv1.ListAuthoritiesResponse{}
	for _, a := range d.Authorities {
		out.Authorities = append(out.Authorities, &zkconsentv1.Authority{
			Id: field.Hex(a.ID), Name: a.Name, Uri: a.URI, Roles: roleNames(a.Roles), Active: a.Active, Key: hex.EncodeToString(a.Key),
		})
	}
	return out, nil
}

// ListSchemas reads the directory's schemas aloud.
func (s *Service) ListSchemas(ctx context.Context, _ *zkconsentv1.ListSchemasRequest) (*zkconsentv1.ListSchemasResponse, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	return &zkconsentv1.ListSchemasResponse{Schemas: named(d.Schemas)}, nil
}

// ListValueSets reads the directory's value sets aloud.
func (s *Service) ListValueSets(ctx context.Context, _ *zkconsentv1.ListValueSetsRequest) (*zkconsentv1.ListValueSetsResponse, error) {
	d, err := s.directory(ctx)
	if err != nil {
		return nil, err
	}
	return &zkconsentv1.ListValueSetsResponse{ValueSets: named(d.ValueSets)}, nil
}

func named(list []directory.Named) (out []*zkconsentv1.NamedDigest) {
	for _, n := range list {
		out = append(out, &zkconsentv1.NamedDigest{Name: n.Name, Sequence: n.Sequence, Digest: field.Hex(n.Digest)})
	}
	return out
}

// roleNames are what an authority may do, in the order of docs/spec.md §6.2.
func roleNames(r directory.Roles) (out []string) {
	for _, one := range []struct {
		role directory.Roles
		name string
	}{
		{directory.Issuer, "issuer"}, {directory.Registrar, "registrar"}, {directory.Verifier, "verifier"},
		{directory.Custodian, "custodian"}, {directory.Steward, "steward"},
	} {
		if r&one.role != 0 {
			out = append(out, one.name)
		}
	}
	return out
}
