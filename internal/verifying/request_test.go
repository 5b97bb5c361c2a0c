package verifying_test

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"github.com/zkconsent/zkconsent/internal/refusal"
	"github.com/zkconsent/zkconsent/internal/verifying"
	"google.golang.org/grpc/codes"
)

func TestRequestsAreRefusedByField(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	for name, c := range map[string]struct {
		r      *zkconsentv1.CreateRequestRequest
		code   codes.Code
		reason refusal.Reason
		words  string
	}{
		"no such policy":             {&zkconsentv1.CreateRequestRequest{Policy: "other"}, codes.NotFound, refusal.Unknown, "policy"},
		"the context of enrolment":   {&zkconsentv1.CreateRequestRequest{Policy: "claims", Context: "release"}, codes.InvalidArgument, refusal.Malformed, "context"},
		"an unprintable context":     {&zkconsentv1.CreateRequestRequest{Policy: "claims", Context: "a\x00"}, codes.InvalidArgument, refusal.Malformed, "context"},
		"a context that is too long": {&zkconsentv1.CreateRequestRequest{Policy: "claims", Context: strings.Repeat("x", 201)}, codes.InvalidArgument, refusal.Malformed, "context"},
		"an unprintable address":     {&zkconsentv1.CreateRequestRequest{Policy: "claims", ReturnAddress: "\u202e"}, codes.InvalidArgument, refusal.Malformed, "return_address"},
	} {
		_, err := d.api.CreateRequest(w.ctx, c.r)
		refused(t, err, c.code, c.reason)
		if err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v does not name %s", name, err, c.words)
		}
	}
}

// TestOneKeyMakesOneRequest: fifty calls at once with one key.
func TestOneKeyMakesOneRequest(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	var ids [50]string
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			r, err := d.api.CreateRequest(as(w.ctx, "cert:clerk"), &zkconsentv1.CreateRequestRequest{Policy: "claims", IdempotencyKey: "abcdefghijklmnop"})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = r.Id
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("two requests: %s and %s", id, ids[0])
		}
	}
	for name, r := range map[string]*zkconsentv1.CreateRequestRequest{
		"context": {Policy: "claims", IdempotencyKey: "abcdefghijklmnop", Context: "another"},
		"address": {Policy: "claims", IdempotencyKey: "abcdefghijklmnop", ReturnAddress: "https://another.example"},
	} {
		_, err := d.api.CreateRequest(as(w.ctx, "cert:clerk"), r)
		t.Log(name)
		refused(t, err, codes.AlreadyExists, refusal.Reused)
	}
	// Without a key each call makes one; another key makes another.
	seen := map[string]bool{ids[0]: true}
	for _, key := range []string{"", "", "abcdefghijklmnoq"} {
		id := d.ask(func(r *zkconsentv1.CreateRequestRequest) { r.IdempotencyKey = key }).Id
		if seen[id] {
			t.Errorf("key %q has a request that was there", key)
		}
		seen[id] = true
	}
}

// TestAttack_KeyOfAnotherPrincipal: who guesses another principal's idempotency
// key is not given that principal's request.
func TestAttack_KeyOfAnotherPrincipal(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	r := &zkconsentv1.CreateRequestRequest{Policy: "claims", Context: "claim 7", IdempotencyKey: "abcdefghijklmnop"}
	seen := map[string]string{}
	for _, who := range []string{"cert:clerk", "cert:clerk2", "token:https://idp.example clerk", ""} {
		ctx := w.ctx
		if who != "" {
			ctx = as(ctx, who)
		}
		made, err := d.api.CreateRequest(ctx, r)
		w.must(err)
		if of, taken := seen[made.Id]; taken {
			t.Errorf("%q was given the request of %q", who, of)
		}
		seen[made.Id] = who
		if again, err := d.api.CreateRequest(ctx, r); err != nil || again.Id != made.Id {
			t.Errorf("%q asked again: %v", who, err)
		}
	}
}

// TestAttack_RequestIdsAreEnumerated: whatever ids a stranger tries, answers
// are one and the same for what never was, what is over, what is purged and
// what is another verifier's.
func TestAttack_RequestIdsAreEnumerated(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	made := d.ask()
	other := &desk{w: w, store: d.store, folder: d.folder, log: &logged{}}
	other.run(w.another, d.store) // the same store, another verifier
	get := func(d *desk, id string) string {
		t.Helper()
		_, err := d.api.GetRequest(w.ctx, &zkconsentv1.GetRequestRequest{Id: id})
		refused(t, err, codes.NotFound, refusal.Unknown)
		return err.Error()
	}
	want := get(d, numbered(0))
	for n := range uint64(100) {
		if got := get(d, numbered(n)); got != want {
			t.Fatalf("%s: %s", numbered(n), got)
		}
		var id [16]byte
		rand.Read(id[:])
		get(d, hex.EncodeToString(id[:]))
	}
	if got := get(other, made.Id); got != want {
		t.Errorf("another verifier's request: %s", got)
	}
	d.ahead.Store(int64(time.Hour))
	if got := get(d, made.Id); got != want {
		t.Errorf("over: %s", got)
	}
	_, err := d.verifier.Purge(w.ctx)
	w.must(err)
	if got := get(d, made.Id); got != want {
		t.Errorf("purged: %s", got)
	}
	for _, id := range []string{"", "00", strings.ToUpper(made.Id), made.Id + "00", made.Id[:31] + "g", strings.Repeat("é", 16)} {
		_, err := d.api.GetRequest(w.ctx, &zkconsentv1.GetRequestRequest{Id: id})
		if strings.ToUpper(made.Id) == id && id == made.Id {
			continue // digits alone
		}
		refused(t, err, codes.InvalidArgument, refusal.Malformed)
	}
}

func TestPoliciesSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	write := func(dir, name, text string) {
		t.Helper()
		w.must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	for name, c := range map[string]struct {
		file, text string
		words      []string
	}{
		"not JSON":          {"b.json", "policy", []string{"b.json", "not JSON"}},
		"an unknown field":  {"b.json", `{"purposes": "X"}`, []string{"b.json", "purposes"}},
		"a broken field":    {"b.json", strings.Replace(policyDocument, "CLMATTCH", "NOTHING", 1), []string{"b.json", "purpose", "NOTHING"}},
		"a missing list":    {"b.json", strings.Replace(policyDocument, "registrars.trust", "none.trust", 1), []string{"b.json", "trust", "none.trust"}},
		"a list outside":    {"b.json", strings.Replace(policyDocument, "registrars.trust", "../registrars.trust", 1), []string{"b.json", "trust"}},
		"a name with dots":  {"B.c.json", policyDocument, []string{"B.c.json", "name"}},
		"a large document":  {"b.json", strings.Repeat(" ", 70<<10), []string{"b.json", "65536"}},
		"a document's link": {"b.json", "", []string{"b.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(dir, "registrars.trust", string(w.trust.Encode()))
			write(dir, "a.json", policyDocument)
			if name == "a document's link" {
				outside := t.TempDir()
				write(outside, "secret.json", policyDocument)
				w.must(os.Symlink(filepath.Join(outside, "secret.json"), filepath.Join(dir, c.file)))
			} else {
				write(dir, c.file, c.text)
			}
			_, err := verifying.OpenPolicies(dir)
			if err == nil {
				t.Fatal("it was read")
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%v does not say %q", err, word)
				}
			}
		})
	}
}

// TestAttack_PoisonedPolicy: a broken policy that is put into the folder takes
// none of the others away, changes none of them, and is not served itself.
func TestAttack_PoisonedPolicy(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	write := func(name, text string) {
		t.Helper()
		w.must(os.WriteFile(filepath.Join(d.folder, name), []byte(text), 0o600))
	}
	write("claims.json", strings.Replace(policyDocument, "checks claims", "sells what it reads", 1))
	write("poison.json", `{"circuit": "consent"}`)
	var fault *verifying.PolicyError
	if err := d.policies.Reload(); !asPolicyError(err, &fault) || fault.File != "poison.json" {
		t.Fatalf("%v", err)
	}
	if made := d.ask(); strings.Contains(string(made.SignedRequest), "sells") {
		t.Error("half of a broken folder was taken")
	}
	_, err := d.api.CreateRequest(w.ctx, &zkconsentv1.CreateRequestRequest{Policy: "poison"})
	refused(t, err, codes.NotFound, refusal.Unknown)
	w.must(os.RemoveAll(d.folder))
	if err := d.policies.Reload(); err == nil {
		t.Error("no folder at all was taken")
	}
	d.ask()
	// A policy that is whole but that the ledger does not know is refused when
	// it is asked for, and says no more than that.
	w.must(os.MkdirAll(d.folder, 0o700))
	unknown := w.trust
	unknown.Name = "nobody"
	write("registrars.trust", string(unknown.Encode()))
	write("claims.json", policyDocument)
	w.must(d.policies.Reload())
	_, err = d.api.CreateRequest(w.ctx, &zkconsentv1.CreateRequestRequest{Policy: "claims"})
	refused(t, err, codes.FailedPrecondition, refusal.NoLongerThere)
}

// TestAttack_ContextOfAnotherPolicy: a researcher has the policy of one study,
// and names the context of another one. Both would then know its patients by the
// same pseudonyms, and could put what they know of them together.
func TestAttack_ContextOfAnotherPolicy(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	for name, change := range map[string]string{
		"study":  strings.Replace(policyDocument, "claims 2026", "study 7", 1),
		"nobody": strings.Replace(strings.Replace(policyDocument, `"relyFor": "30d",`, "", 1), `"pseudonym", "context": "claims 2026"`, `"none", "context": "claims 2026"`, 1),
	} {
		w.must(os.WriteFile(filepath.Join(d.folder, name+".json"), []byte(change), 0o600))
	}
	w.must(d.policies.Reload())
	for _, c := range []struct {
		policy, context string
		want            codes.Code
	}{
		{"study", "claims 2026", codes.InvalidArgument},
		{"claims", "study 7", codes.InvalidArgument},
		{"claims", "claims 2026", codes.OK}, // its own
		{"claims", "claim 2026-00317", codes.OK},
		{"nobody", "claims 2026", codes.OK}, // under the rule none there are no pseudonyms
		{"nobody", "study 7", codes.OK},
	} {
		_, err := d.api.CreateRequest(as(w.ctx, "cert:clerk"), &zkconsentv1.CreateRequestRequest{Policy: c.policy, Context: c.context})
		if c.want == codes.OK {
			w.must(err)
			continue
		}
		t.Log(c.policy, c.context)
		refused(t, err, c.want, refusal.Malformed)
	}
}

// TestAttack_AnswersSentElsewhere: a caller names an address at which patients
// run a program, send in plaintext, or tell somebody else their pseudonyms.
func TestAttack_AnswersSentElsewhere(t *testing.T) {
	w := newWorld(t)
	d := w.open()
	w.must(os.WriteFile(filepath.Join(d.folder, "bound.json"), []byte(strings.Replace(policyDocument, `"rule"`, `"return": "https://insurer.example/answers", "rule"`, 1)), 0o600))
	w.must(d.policies.Reload())
	for address, want := range map[string][2]bool{ // whether it is taken: by a policy without an address, by one with
		"https://insurer.example/answers":         {true, true},
		"https://INSURER.example/claims/7":        {true, true},
		"https://insurer.example:8443/answers":    {true, false},
		"https://other.example/answers":           {true, false},
		"https://insurer.example.evil.test/a":     {true, false},
		"http://127.0.0.1:8080/v1/presentations":  {true, false},
		"http://localhost/v1/presentations":       {true, false},
		"http://insurer.example/answers":          {},
		"https://insurer.example@evil.test/a":     {},
		"https://insurer.example/answers?to=evil": {},
		"https://insurer.example/answers#x":       {},
		"https://insurer.ex\u0430mple/answers":    {},
		"https:insurer.example":                   {},
		"https:///answers":                        {},
		"javascript:alert(1)":                     {},
		"javascript://insurer.example/%0aalert":   {},
		"file:///etc/passwd":                      {},
		"data:text/html,x":                        {},
		"//insurer.example/answers":               {},
		"insurer.example/answers":                 {},
	} {
		for i, policy := range []string{"claims", "bound"} {
			_, err := d.api.CreateRequest(as(w.ctx, "cert:clerk"), &zkconsentv1.CreateRequestRequest{Policy: policy, ReturnAddress: address})
			if want[i] {
				w.must(err)
				continue
			}
			t.Log(policy, address)
			refused(t, err, codes.InvalidArgument, refusal.Malformed)
		}
	}
}
