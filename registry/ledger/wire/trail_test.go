package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
)

// trailed has light blocks of the heights 10, 20, 30, …, each of some size.
type trailed struct {
	canned
	size int
}

func (s *trailed) Trail(_ context.Context, above uint64) (out [][]byte, _ error) {
	for h := (above/10 + 1) * 10; h <= 50; h += 10 {
		out = append(out, bytes.Repeat([]byte{byte(h)}, s.size))
	}
	return out, nil
}

func TestTrailAcrossTheWire(t *testing.T) {
	s := &trailed{size: 100}
	r, url := serve(t, s, nil)
	for _, above := range []uint64{0, 9, 10, 29, 49, 50, 1 << 62} {
		want, _ := s.Trail(short(t), above)
		got, err := r.Trail(short(t), above)
		if err != nil || len(got) != len(want) || len(want) > 0 && !bytes.Equal(got[0], want[0]) {
			t.Errorf("above %d: %d light blocks, want %d: %v", above, len(got), len(want), err)
		}
	}
	_, body := rest(t, http.MethodGet, url+"/v1/trail?above=35", "")
	var answer struct{ LightBlocks [][]byte }
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.LightBlocks) != 2 || answer.LightBlocks[0][0] != 40 {
		t.Errorf("%s, %v", body, err)
	}
	if r.Name() == "" {
		t.Error("a node without a name")
	}
	// The largest answers are carried.
	one := make([]byte, directory.MaxSignedHeader)
	r, _ = serve(t, &canned{answer: one}, nil)
	if got, err := r.Trail(short(t), 0); err != nil || len(got) != 1 || len(got[0]) != len(one) {
		t.Errorf("%d light blocks, %v", len(got), err)
	}
	r, _ = serve(t, &trailed{size: light.MaxLinksBytes / 5}, nil)
	if got, err := r.Trail(short(t), 0); err != nil || len(got) != 5 {
		t.Errorf("%d light blocks, %v", len(got), err)
	}
}
