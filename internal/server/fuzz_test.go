package server

import (
	"bytes"
	"strings"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"google.golang.org/protobuf/proto"
)

// FuzzStrictJSON: what is read is written again and read as the same, and what
// is refused is not quoted.
func FuzzStrictJSON(f *testing.F) {
	for _, s := range []string{
		`{"policy":"trial","context":"7","returnAddress":"https://example.org","idempotencyKey":"0123456789abcdef"}`, `{"policy":"a","policy":"b"}`, `{"return_address":"x"}`, `{}`, `{"x":1}`,
		`{"policy":"\u0000"}`, `{"policy":"a"}{}`, `[]`, `null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s := newStrict()
		var m zkconsentv1.CreateRequestRequest
		if err := s.NewDecoder(bytes.NewReader(b)).Decode(&m); err != nil {
			if len(err.Error()) > 300 || len(b) > 40 && strings.Contains(err.Error(), string(b[:40])) {
				t.Errorf("%q", err.Error())
			}
			return
		}
		again, err := s.Marshal(&m)
		if err != nil {
			t.Fatal(err)
		}
		var n zkconsentv1.CreateRequestRequest
		if err := s.Unmarshal(again, &n); err != nil || !proto.Equal(&m, &n) {
			t.Errorf("%s: %v, %v", again, &n, err)
		}
	})
}
