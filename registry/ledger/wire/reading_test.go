package wire_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/ledger/wire"
	"github.com/zkconsent/zkconsent/registry/transaction"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// TestReading_NoCallNamesALeaf: every field of every request is one of those
// that say nothing about a record. A new field fails here until somebody has
// thought about what it tells.
func TestReading_NoCallNamesALeaf(t *testing.T) {
	harmless := map[protoreflect.Name]string{
		"kind":        "which log",
		"from":        "how far the caller had read",
		"max":         "the size of a page",
		"above":       "how far the caller had read",
		"height":      "a block",
		"epoch":       "an epoch",
		"bucket":      "one of a set with decoys, or everybody's",
		"root":        "the bucket's, which everybody knows",
		"transaction": "what is put on the ledger, for all to see",
	}
	methods := 0
	for i := range zkconsentv1.File_zkconsent_v1_registry_proto.Services().Len() {
		service := zkconsentv1.File_zkconsent_v1_registry_proto.Services().Get(i)
		for j := range service.Methods().Len() {
			m := service.Methods().Get(j)
			methods++
			if m.IsStreamingClient() {
				t.Errorf("%s takes a stream", m.FullName())
			}
			for k := range m.Input().Fields().Len() {
				f := m.Input().Fields().Get(k)
				if harmless[f.Name()] == "" || f.Kind() == protoreflect.MessageKind {
					t.Errorf("%s: what does %s tell of who asks? list it here, with the reason, when the answer is nothing", m.FullName(), f.FullName())
				}
			}
		}
	}
	if methods < 10 {
		t.Errorf("only %d methods were looked at", methods)
	}
}

// get makes a GET and returns status, headers and body.
func get(t *testing.T, url string, header ...string) (int, http.Header, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(short(t), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, b
}

// TestReading_StaticObjects: what never changes says so, what changes does not,
// and who has an answer already gets none again.
func TestReading_StaticObjects(t *testing.T) {
	n := startNode(t)
	remote, url := serve(t, n, n.Genesis().Encode())
	if _, err := n.Submit(short(t), commit(n.Genesis(), 1, sealed(0, 2)).Encode()); err != nil {
		t.Fatal(err)
	}
	roots, err := remote.Layer(short(t), 0, 10)
	if err != nil || len(roots) != 32 {
		t.Fatalf("%d bytes, %v", len(roots), err)
	}
	leaves, err := remote.Bucket(short(t), 0, [32]byte(roots))
	if err != nil || len(leaves) != journal.BucketSize*field.Size {
		t.Fatalf("%d bytes, %v", len(leaves), err)
	}
	if _, err := remote.Bucket(short(t), 0, [32]byte{1}); !errors.Is(err, light.ErrReplaced) {
		t.Errorf("a bucket of another root: %v", err)
	}
	if _, err := remote.Anchor(short(t), 99); !errors.Is(err, light.ErrRange) {
		t.Errorf("an anchor that is still to come: %v", err)
	}
	const forever = "public, max-age=31536000, immutable"
	for path, want := range map[string]string{
		"/v1/genesis":   forever,
		"/v1/anchors/1": forever,
		"/v1/changes/1": forever,
		"/v1/buckets/0/" + base64.RawURLEncoding.EncodeToString(roots): forever,
		"/v1/layer?from=0&max=10":                                      "no-cache",
		"/v1/checkpoint":                                               "no-cache",
		"/v1/directory":                                                "no-cache",
		"/v1/authorities":                                              "no-cache",
		"/v1/schemas":                                                  "no-cache",
		"/v1/value-sets":                                               "no-cache",
		"/v1/logs/RECORDS?from=0&max=4096":                             "no-cache", // a page that is not full yet
		"/v1/logs/WITHDRAWALS?from=0&max=4096":                         "no-cache",
	} {
		code, h, body := get(t, url+path)
		tag := h.Get("ETag")
		if code != http.StatusOK || h.Get("Cache-Control") != want || len(tag) < 10 {
			t.Errorf("%s: %d, Cache-Control %q, ETag %q, %s", path, code, h.Get("Cache-Control"), tag, body)
		}
		for name := range h {
			if strings.HasPrefix(name, "Grpc-") {
				t.Errorf("%s: header %s", path, name)
			}
		}
		if path == "/v1/checkpoint" {
			continue // the next block is another answer
		}
		if code, h, body := get(t, url+path, "If-None-Match", `"other", `+tag); code != http.StatusNotModified || len(body) != 0 || h.Get("ETag") != tag {
			t.Errorf("%s again: %d, %d bytes", path, code, len(body))
		}
		if code, _, _ := get(t, url+path, "If-None-Match", `"other"`); code != http.StatusOK {
			t.Errorf("%s with another tag: %d", path, code)
		}
	}
	for path, want := range map[string]int{
		"/v1/anchors/99":     http.StatusBadRequest,
		"/v1/changes/99":     http.StatusBadRequest,
		"/v1/layer?from=9":   http.StatusBadRequest,
		"/v1/buckets/0/AAAA": http.StatusBadRequest,
		"/v1/buckets/5/" + base64.RawURLEncoding.EncodeToString(roots):            http.StatusBadRequest,
		"/v1/buckets/0/" + base64.RawURLEncoding.EncodeToString(make([]byte, 32)): http.StatusConflict,
	} {
		if code, h, body := get(t, url+path); code != want || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d, want %d, Cache-Control %q: %s", path, code, want, h.Get("Cache-Control"), body)
		}
	}
}

// TestReading_FullPagesAreStatic: a page of the log that is full and stands on
// its boundary never changes.
func TestReading_FullPagesAreStatic(t *testing.T) {
	_, url := serve(t, &canned{answer: []byte("entry")}, nil)
	for path, want := range map[string]bool{
		"/v1/logs/RECORDS?from=8192&max=4096": true,
		"/v1/logs/RECORDS?from=8192":          true,
		"/v1/logs/RECORDS?from=8193":          false,
		"/v1/logs/RECORDS?from=8192&max=4095": false,
	} {
		_, h, _ := get(t, url+path)
		if got := strings.Contains(h.Get("Cache-Control"), "immutable"); got != want {
			t.Errorf("%s: %q", path, h.Get("Cache-Control"))
		}
	}
}

// secret is the nth withdrawal secret.
func secret(n uint64) fr.Element { return field.Of("test-v", []byte{byte(n)}) }

func withdraw(n uint64) []byte { return transaction.WithdrawalPayload([]fr.Element{secret(n)}) }

// TestReading_WithdrawalsAreWatched follows the feed with a verifier's client:
// each withdrawal is shown once it stands under a verified head, in order, and
// who comes back with a position goes on from there.
func TestReading_WithdrawalsAreWatched(t *testing.T) {
	n := startNode(t)
	remote, url := serve(t, n, n.Genesis().Encode())
	client := func() *light.Client {
		c, err := light.Open(light.Config{Genesis: n.Genesis(), Source: remote, Follow: light.Verdicts})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	submit := func(nonce uint64) {
		tx := commit(n.Genesis(), nonce, sealed(0, 1))
		tx.Kind, tx.Payload = transaction.Withdraw, withdraw(nonce)
		tx.Sign(registrar().ID, registrarKey)
		if _, err := n.Submit(short(t), tx.Encode()); err != nil {
			t.Error(err)
		}
	}
	submit(1)
	done := errors.New("seen enough")
	var seen []uint64
	err := client().Watch(short(t), remote, 0, func(position uint64, w journal.Withdrawal) error {
		if w.V != secret(position+1) {
			t.Errorf("position %d: %v", position, w.V)
		}
		seen = append(seen, position)
		if position < 2 {
			go submit(position + 2)
			return nil
		}
		return done
	})
	if !errors.Is(err, done) || fmt.Sprint(seen) != "[0 1 2]" {
		t.Fatalf("%v, %v", seen, err)
	}
	seen = nil
	err = client().Watch(short(t), remote, 2, func(position uint64, _ journal.Withdrawal) error {
		seen = append(seen, position)
		return done
	})
	if !errors.Is(err, done) || fmt.Sprint(seen) != "[2]" {
		t.Errorf("from 2: %v, %v", seen, err)
	}
	ctx, cancel := context.WithCancel(short(t))
	cancel()
	if err := client().Watch(ctx, remote, 0, func(uint64, journal.Withdrawal) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context: %v", err)
	}

	// The same over REST, line by line.
	q, err := http.NewRequestWithContext(short(t), http.MethodGet, url+"/v1/withdrawals?from=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	lines := json.NewDecoder(r.Body)
	var first, second struct {
		Result struct {
			Position   string
			Entries    [][]byte
			Checkpoint []byte
		}
	}
	if err := errors.Join(lines.Decode(&first), lines.Decode(&second)); err != nil {
		t.Fatal(err)
	}
	if want, err := n.Log(short(t), journal.Withdrawals, 1, 2); err != nil || first.Result.Position != "1" || len(first.Result.Entries) != 2 || !bytes.Equal(first.Result.Entries[1], want[1]) {
		t.Errorf("%+v, %v", first, err)
	}
	if _, err := light.VerifyHead(n.Genesis(), second.Result.Checkpoint); err != nil || second.Result.Position != "3" {
		t.Errorf("position %s, %v", second.Result.Position, err)
	}
	if err := remote.WatchWithdrawals(short(t), 99, func() {}); !errors.Is(err, light.ErrRange) {
		t.Errorf("from beyond the log: %v", err)
	}
}

// silentFeed never rings.
type silentFeed struct{}

func (silentFeed) WatchWithdrawals(ctx context.Context, _ uint64, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestAttack_SilentFeed: a node that keeps the bell still cannot keep a
// withdrawal from a client that has other ways to see the head.
func TestAttack_SilentFeed(t *testing.T) {
	n := startNode(t)
	c, err := light.Open(light.Config{Genesis: n.Genesis(), Source: n, Follow: light.Verdicts})
	if err != nil {
		t.Fatal(err)
	}
	done := errors.New("seen")
	go func() {
		time.Sleep(100 * time.Millisecond)
		tx := commit(n.Genesis(), 1, sealed(0, 1))
		tx.Kind, tx.Payload = transaction.Withdraw, withdraw(1)
		tx.Sign(registrar().ID, registrarKey)
		if _, err := n.Submit(context.Background(), tx.Encode()); err != nil {
			t.Error(err)
		}
	}()
	if err := c.Watch(short(t), silentFeed{}, 0, func(uint64, journal.Withdrawal) error { return done }); !errors.Is(err, done) {
		t.Error(err)
	}
}

// TestAttack_FeedsWithoutEnd: the feeds that a node serves are bounded, those of
// one address leave places to others, and a place is free again when a feed
// ends.
func TestAttack_FeedsWithoutEnd(t *testing.T) {
	n := startNode(t)
	remote, rest := serve(t, n, nil)
	ctx, cancel := context.WithCancel(short(t))
	var rung atomic.Int32
	ended := make(chan error, 64)
	for range 40 {
		go func() {
			first := true
			ended <- remote.WatchWithdrawals(ctx, 0, func() {
				if first {
					rung.Add(1)
				}
				first = false
			})
		}()
	}
	for range 32 {
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "feeds") {
			t.Errorf("a feed beyond the bound: %v", err)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); rung.Load() < 8; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d feeds are served", rung.Load())
		}
	}
	if _, err := remote.Checkpoint(short(t)); err != nil {
		t.Errorf("other calls beside the feeds: %v", err)
	}
	// The same caller by the other way, and another caller by both.
	for from, want := range map[string]int{"127.0.0.1": http.StatusTooManyRequests, "127.0.0.2": http.StatusOK} {
		if got := feedOverREST(t, from, rest); got != want {
			t.Errorf("a feed of %s over REST: %d", from, got)
		}
	}
	cancel()
	for range 8 {
		<-ended
	}
	again := false
	for deadline := time.Now().Add(10 * time.Second); !again && time.Now().Before(deadline); {
		ctx, stop := context.WithCancel(short(t))
		_ = remote.WatchWithdrawals(ctx, 0, func() { again = true; stop() })
		stop()
	}
	if !again {
		t.Error("no place became free")
	}
}

// feedOverREST begins a feed from an address of this machine, and returns the
// status with which it begins.
func feedOverREST(t *testing.T, from, rest string) int {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	client := &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
	q, err := http.NewRequestWithContext(short(t), http.MethodGet, rest+"/v1/withdrawals", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.Do(q)
	if err != nil {
		t.Skipf("this machine has one address on loopback: %v", err)
	}
	r.Body.Close()
	return r.StatusCode
}

var _ light.Feed = (*wire.Remote)(nil)
