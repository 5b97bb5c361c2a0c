package wire_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestListsAreTheDirectoryAloud holds the three lists against the directory
// that a client would verify.
func TestListsAreTheDirectoryAloud(t *testing.T) {
	steward := registrar()
	steward.Roles, steward.Active, steward.Name = directory.Issuer|directory.Steward, false, "clinic <&>"
	steward.URI = "https://example.org/clinic"
	steward.Key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	steward.ID = directory.AuthorityID(steward.Key)
	d := directory.Directory{
		Parameters:  directory.Parameters{Epoch: 60, MaxHeadAge: 60, Heartbeat: 2, Quota: 100, PowBits: 8, TrustPeriod: 1 << 20},
		Validators:  []directory.Validator{{Key: registrar().Key, Power: 1, Name: "Member"}},
		Authorities: []directory.Authority{registrar(), steward},
		Schemas:     []directory.Named{{Name: "person", Sequence: 3, Digest: field.Uint(7)}},
		ValueSets:   []directory.Named{{Name: "a", Digest: field.Uint(1)}, {Name: "b", Sequence: 1 << 40, Digest: field.Uint(2)}},
	}
	if field.Hex(d.Authorities[0].ID) > field.Hex(d.Authorities[1].ID) {
		d.Authorities[0], d.Authorities[1] = d.Authorities[1], d.Authorities[0]
	}
	if err := d.Validate(); err != nil {
		t.Fatal(err)
	}
	source := &canned{answer: d.Encode()}
	s := wire.NewService(source, nil)
	authorities, err := s.ListAuthorities(short(t), &zkconsentv1.ListAuthoritiesRequest{})
	if err != nil || len(authorities.Authorities) != 2 {
		t.Fatalf("%v, %v", authorities, err)
	}
	for i, got := range authorities.Authorities {
		want := d.Authorities[i]
		if got.Id != field.Hex(want.ID) || got.Name != want.Name || got.Uri != want.URI || got.Active != want.Active || got.Key != hex.EncodeToString(want.Key) {
			t.Errorf("%v, want %+v", got, want)
		}
		roles := map[string][]string{"hospital": {"registrar"}, "clinic <&>": {"issuer", "steward"}}[want.Name]
		if !reflect.DeepEqual(got.Roles, roles) {
			t.Errorf("%s: roles %v, want %v", got.Name, got.Roles, roles)
		}
	}
	schemas, err := s.ListSchemas(short(t), &zkconsentv1.ListSchemasRequest{})
	if err != nil || len(schemas.Schemas) != 1 || schemas.Schemas[0].Name != "person" || schemas.Schemas[0].Sequence != 3 || schemas.Schemas[0].Digest != field.Hex(field.Uint(7)) {
		t.Errorf("%v, %v", schemas, err)
	}
	sets, err := s.ListValueSets(short(t), &zkconsentv1.ListValueSetsRequest{})
	if err != nil || len(sets.ValueSets) != 2 || sets.ValueSets[1].Sequence != 1<<40 || sets.ValueSets[1].Digest != field.Hex(field.Uint(2)) {
		t.Errorf("%v, %v", sets, err)
	}
	// A directory that was replaced is read anew.
	d.Schemas = nil
	source.answer = d.Encode()
	if schemas, err := s.ListSchemas(short(t), &zkconsentv1.ListSchemasRequest{}); err != nil || len(schemas.Schemas) != 0 {
		t.Errorf("after a change: %v, %v", schemas, err)
	}
	source.answer = []byte("no directory")
	if _, err := s.ListSchemas(short(t), &zkconsentv1.ListSchemasRequest{}); status.Code(err) != codes.Unavailable || refusal.Of(err) != refusal.Broken {
		t.Errorf("a directory that cannot be read: %v", err)
	}
}

func TestListsOverREST(t *testing.T) {
	n := startNode(t)
	_, url := serve(t, n, n.Genesis().Encode())
	code, body := rest(t, http.MethodGet, url+"/v1/authorities", "")
	var list struct {
		Authorities []struct {
			ID, Name, URI, Key string
			Roles              []string
			Active             bool
		}
	}
	if err := json.Unmarshal(body, &list); err != nil || code != http.StatusOK || len(list.Authorities) != 1 {
		t.Fatalf("%d %s, %v", code, body, err)
	}
	if a := list.Authorities[0]; a.Name != "hospital" || a.ID != field.Hex(registrar().ID) || !a.Active || strings.Join(a.Roles, " ") != "registrar" {
		t.Errorf("%+v", a)
	}
}

// TestRefusalsSayWhy holds the table from a node's errors to refusals.
func TestRefusalsSayWhy(t *testing.T) {
	const path = "/var/lib/ledger/state/000123.sst"
	for _, c := range []struct {
		err    error
		code   codes.Code
		reason refusal.Reason
		later  bool
	}{
		{light.ErrRange, codes.OutOfRange, refusal.OutOfRange, false},
		{light.ErrReplaced, codes.Aborted, refusal.NoLongerThere, false},
		{light.ErrBusy, codes.ResourceExhausted, refusal.Busy, true},
		{errors.New("open " + path), codes.Unavailable, refusal.NoLedger, true},
	} {
		_, err := wire.NewService(&canned{err: c.err}, nil).GetDirectory(short(t), &zkconsentv1.GetDirectoryRequest{})
		if status.Code(err) != c.code || refusal.Of(err) != c.reason || (refusal.After(err) > 0) != c.later || strings.Contains(err.Error(), path) {
			t.Errorf("%v: %v, reason %q, after %v", c.err, err, refusal.Of(err), refusal.After(err))
		}
	}
	s := wire.NewService(&canned{}, nil)
	if _, err := s.GetBucket(short(t), &zkconsentv1.GetBucketRequest{Root: []byte{1}}); refusal.Of(err) != refusal.Malformed {
		t.Errorf("a root of one byte: %v", err)
	}
}
