package wallet

import (
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/cosmos/go-bip39"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/internal/field"
	"github.com/zkconsent/zkconsent/internal/redsig"
	"github.com/zkconsent/zkconsent/internal/tlv"
)

const (
	passphrase = "correct horse battery"
	testWords  = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon " +
		"abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art"
)

func options() *Options { return &Options{Genesis: [32]byte{1}, WorkFactor: 2} }

func newWallet(t *testing.T) (*Wallet, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "wallet")
	w, _, err := Create(path, passphrase, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, path
}

func TestKeysFollowTheSpecification(t *testing.T) {
	words, err := ParseWords(testWords)
	if err != nil {
		t.Fatal(err)
	}
	k, err := deriveKeys(words)
	if err != nil {
		t.Fatal(err)
	}
	seed := bip39.NewSeed(testWords, "")
	expand := func(label string, n int) []byte {
		b, err := hkdf.Key(sha256.New, seed, []byte("zkconsent/v1/wallet"), label, n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var nk, v3, rs3 fr.Element
	nk.SetBytes(expand("nk", 64))
	v3.SetBytes(expand("v\x00\x00\x00\x00\x00\x00\x00\x03", 64))
	rs3.SetBytes(expand("rs\x00\x00\x00\x00\x00\x00\x00\x03", 64))
	if !nk.Equal(&k.nk) {
		t.Error("nk is not HKDF's")
	}
	if v, _ := k.withdrawal(3); !v.Equal(&v3) {
		t.Error("v_3 is not HKDF's")
	}
	if rs, _ := k.revocation(3); !rs.Equal(&rs3) {
		t.Error("rs_3 is not HKDF's")
	}
	if !bytes.Equal(k.nonceKey[:], expand("nonce", 32)) {
		t.Error("nonceKey is not HKDF's")
	}
	ask, err := redsig.NewSecretKey([64]byte(expand("ask", 64)))
	if err != nil {
		t.Fatal(err)
	}
	if ak, _ := ask.Public(); !ak.Equal(k.ak) {
		t.Error("ak is not [ask]B")
	}
	const holder = "290044d72d5082849d8fe66216cb3ed4df39539c07705358329e95c516f9bc1d"
	if got := field.Hex(k.holder); got != holder {
		t.Errorf("holder of the test words is %s, want %s", got, holder)
	}
}

func TestRefusesWrongWords(t *testing.T) {
	swapped := strings.Replace(testWords, "abandon art", "art abandon", 1)
	for name, c := range map[string]struct {
		words  string
		number int
		count  int
		sum    bool
	}{
		"one word short":      {words: strings.TrimPrefix(testWords, "abandon "), count: 23},
		"no words":            {words: "", count: 0},
		"an unknown word":     {words: strings.Replace(testWords, "abandon art", "abandom art", 1), number: 23, count: 24},
		"a wrong last word":   {words: strings.Replace(testWords, " art", " zoo", 1), sum: true},
		"two words exchanged": {words: swapped, sum: true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseWords(c.words)
			var we *WordError
			switch {
			case c.sum && !errors.Is(err, ErrChecksum):
				t.Errorf("%v, want ErrChecksum", err)
			case !c.sum && (!errors.As(err, &we) || we.Number != c.number || we.Count != c.count):
				t.Errorf("%v, want word %d of %d", err, c.number, c.count)
			}
			if err != nil && strings.Contains(err.Error(), "abandom") {
				t.Error("the error quotes a word")
			}
		})
	}
	if w, err := ParseWords("  " + strings.ToUpper(strings.ReplaceAll(testWords, " ", "\n\t"))); err != nil || w.Reveal() != testWords {
		t.Errorf("white space and capitals: %v", err)
	}
}

func TestWordsRoundTrip(t *testing.T) {
	w, path := newWallet(t)
	words, err := w.Words()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseWords(words.Reveal())
	if err != nil || again.entropy() != words.entropy() {
		t.Fatalf("words do not round-trip: %v", err)
	}
	r, err := Restore(path+"2", passphrase, words.Reveal(), options())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if a, b := w.Holder(), r.Holder(); !a.Equal(&b) {
		t.Error("a restored wallet has another holder")
	}
}

func TestRefusesWrongPassphrase(t *testing.T) {
	w, path := newWallet(t)
	w.Close()
	if _, err := Open(path, passphrase+" ", nil); !errors.Is(err, ErrPassphrase) {
		t.Errorf("%v, want ErrPassphrase", err)
	}
	if _, err := Open(path, "", nil); !errors.Is(err, ErrPassphrase) {
		t.Errorf("empty: %v, want ErrPassphrase", err)
	}
	if _, _, err := Create(path+"2", "short", options()); !errors.Is(err, ErrWeakPassphrase) {
		t.Errorf("%v, want ErrWeakPassphrase", err)
	}
	if _, _, err := Create(path+"2", passphrase, nil); !errors.Is(err, ErrNoGenesis) {
		t.Errorf("%v, want ErrNoGenesis", err)
	}
	if _, _, err := Create(path, passphrase, options()); !errors.Is(err, ErrExists) {
		t.Errorf("%v, want ErrExists", err)
	}
	if _, err := Open(path, passphrase, &Options{Genesis: [32]byte{2}}); err == nil {
		t.Error("opened for another ledger")
	}
	again, err := Open(path, passphrase, nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestRefusesEveryTamperedByte(t *testing.T) {
	w, path := newWallet(t)
	w.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		c, err := decodeContainer(b)
		if err == nil {
			_, _, err = c.open(passphrase)
		}
		if err == nil {
			t.Errorf("%s: opened", what)
		} else if !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrPassphrase) && !errors.Is(err, ErrNewerVersion) {
			t.Errorf("%s: %v is not one of the wallet's errors", what, err)
		}
	}
	factor := bytes.Index(whole, []byte{2, 0, 0, 0, 8})
	for i := range whole {
		if i >= factor+5 && i < factor+13 {
			continue // the note of the work factor; scrypt's own stands in the identity
		}
		b := bytes.Clone(whole)
		b[i] ^= 1
		try(fmt.Sprintf("byte %d flipped", i), b)
	}
	for _, n := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		try(fmt.Sprintf("cut to %d", n), whole[:n])
	}
	try("a trailing byte", append(bytes.Clone(whole), 0))
}

func TestAttack_DataOfAnotherWallet(t *testing.T) {
	a, pathA := newWallet(t)
	b, pathB := newWallet(t)
	a.Close()
	b.Close()
	read := func(path string) *container {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		c, err := decodeContainer(raw)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	mixed := read(pathA)
	mixed.data = read(pathB).data
	if err := os.WriteFile(pathA, mixed.encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(pathA, passphrase, nil); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v, want ErrDamaged", err)
	}
}

func TestNewerVersionIsNamed(t *testing.T) {
	e := tlv.NewEncoder("wallet")
	e.Uint(1, 2)
	e.String(9, "whatever version 2 has")
	if _, err := decodeContainer(e.Encoded()); !errors.Is(err, ErrNewerVersion) {
		t.Errorf("container: %v", err)
	}
	e = tlv.NewEncoder("wallet-data")
	e.Uint(1, 2)
	if _, err := decodeContents(e.Encoded()); !errors.Is(err, ErrNewerVersion) {
		t.Errorf("contents: %v", err)
	}
}

const openAtPath = "WALLET_TEST_OPEN"

func TestRefusesSecondProcess(t *testing.T) {
	if path := os.Getenv(openAtPath); path != "" {
		w, err := Open(path, passphrase, nil)
		if err == nil {
			w.Close()
		}
		fmt.Println("opened:", err)
		return
	}
	w, path := newWallet(t)
	child := func() string {
		c := exec.Command(os.Args[0], "-test.run=^TestRefusesSecondProcess$")
		c.Env = append(os.Environ(), openAtPath+"="+path)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if out := child(); !strings.Contains(out, ErrInUse.Error()) {
		t.Errorf("a second process: %s", out)
	}
	if _, err := Open(path, passphrase, nil); !errors.Is(err, ErrInUse) {
		t.Errorf("a second opening: %v", err)
	}
	w.Close()
	if out := child(); !strings.Contains(out, "opened: <nil>") {
		t.Errorf("after Close: %s", out)
	}
}

// A fullDisk fails at one step.
type fullDisk struct {
	realDisk
	step string
}

type fullFile struct {
	file
	step string
}

var errFull = errors.New("no space left on device")

func (d *fullDisk) create(dir string) (file, error) {
	if d.step == "create" {
		return nil, errFull
	}
	f, err := d.realDisk.create(dir)
	return &fullFile{f, d.step}, err
}

func (d *fullDisk) rename(from, to string) error {
	if d.step == "rename" {
		return errFull
	}
	return d.realDisk.rename(from, to)
}

func (f *fullFile) Write(b []byte) (int, error) {
	if f.step == "write" {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, errFull
	}
	return f.file.Write(b)
}

func (f *fullFile) Sync() error {
	if f.step == "sync" {
		return errFull
	}
	return f.file.Sync()
}

func (f *fullFile) Close() error {
	err := f.file.Close()
	if f.step == "close" {
		return errFull
	}
	return err
}

// What encryption adds must not make a file that Open refuses.
func TestRefusesToGrowBeyondWhatOpenReads(t *testing.T) {
	w, path := newWallet(t)
	size := func(c *contents) int { return len(c.encode()) }
	full := &contents{entropy: w.data.entropy, genesis: w.data.genesis}
	for i := range 63 {
		full.documents = append(full.documents, document{digest: [32]byte{byte(i)}, bytes: make([]byte, maxDocument)})
	}
	last := document{digest: [32]byte{63}, bytes: make([]byte, 1)}
	full.documents = append(full.documents, last)
	full.documents[63].bytes = make([]byte, maxFile-size(full)-1024)
	if n := size(full); n > maxFile || n < maxFile-2048 {
		t.Fatalf("the contents have %d bytes", n)
	}
	err := w.update(func(c *contents) error {
		*c = *full
		return nil
	})
	if err == nil {
		t.Error("written")
	}
	w.Close()
	again, err := Open(path, passphrase, options())
	if err != nil {
		t.Fatalf("the wallet is lost: %v", err)
	}
	again.Close()
}

func TestFullDiskKeepsTheWallet(t *testing.T) {
	for _, step := range []string{"create", "write", "sync", "close", "rename"} {
		t.Run(step, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "wallet")
			d := &fullDisk{}
			o := options()
			o.disk = d
			w, _, err := Create(path, passphrase, o)
			if err != nil {
				t.Fatal(err)
			}
			mark := func(n uint64) error { return w.update(func(c *contents) error { c.next = n; return nil }) }
			if err := mark(7); err != nil {
				t.Fatal(err)
			}
			d.step = step
			if err := mark(8); !errors.Is(err, errFull) {
				t.Fatalf("%v, want the disk's error", err)
			}
			if w.data.next != 7 {
				t.Error("memory knows what the disk does not")
			}
			d.step = ""
			w.Close()
			again, err := Open(path, passphrase, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Close()
			if again.data.next != 7 {
				t.Errorf("next is %d after a failed write, want 7", again.data.next)
			}
			left, err := os.ReadDir(filepath.Dir(path))
			if err != nil {
				t.Fatal(err)
			}
			if len(left) != 2 {
				t.Errorf("%d files are left, want the wallet and its lock", len(left))
			}
		})
	}
}

func sampleContents() *contents {
	d := sha256.Sum256([]byte("document"))
	terms := consent.Terms{Purposes: 1, Categories: codes.Categories(1), NotAfter: 9, DataTo: 9}
	r := &consentRecord{id: ID{1}, state: Registered, number: 0, actor: "a", grantee: field.Uint(1), registrar: field.Uint(2), terms: terms,
		policy: "p", document: d, source: field.Uint(3), salt: field.Uint(4), known: true, placed: true, index: 5, imported: 6, registered: 7}
	draft := &consentRecord{id: ID{2}, actor: "a", grantee: field.Uint(1), terms: terms, policy: "p", document: d, known: true}
	found := &consentRecord{id: ID{3}, state: Withdrawing, number: 1, registrar: field.Uint(2), found: true, placed: true, publishAt: 3, revokeAt: 4, attempts: 2}
	return &contents{
		entropy: [32]byte{7}, genesis: [32]byte{8}, next: 2, records: 3, withdrawals: 1,
		documents: []document{{digest: d, bytes: []byte("document")}}, consents: []*consentRecord{r, draft, found},
		credentials: []*credentialRecord{{id: ID{4}, issuer: field.Uint(1), lock: field.Uint(2), index: 3, revoked: true}},
		history:     []Disclosure{{At: 1, Circuit: consent.ConsentOnly, SignerName: "Insurer", Labels: []string{"l"}, Rule: consent.None, Until: 2}},
	}
}

func FuzzDecodeContents(f *testing.F) {
	f.Add(sampleContents().encode())
	f.Add((&contents{}).encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeContents(b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.encode(), b) {
			t.Error("decodes, and encodes to something else")
		}
	})
}

func FuzzDecodeContainer(f *testing.F) {
	f.Add((&container{workFactor: 2, identity: []byte{1}, data: []byte{2}}).encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeContainer(b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.encode(), b) {
			t.Error("decodes, and encodes to something else")
		}
	})
}

func TestRefusesContradictoryContents(t *testing.T) {
	if _, err := decodeContents(sampleContents().encode()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*contents){
		"an id twice":                     func(c *contents) { c.consents[1].id = c.consents[0].id },
		"a number not given out":          func(c *contents) { c.consents[0].number = 2 },
		"registered without a place":      func(c *contents) { c.consents[0].placed = false },
		"a draft on the ledger":           func(c *contents) { c.consents[1].placed = true },
		"forgotten but the salt is there": func(c *contents) { c.consents[2].salt = field.Uint(1) },
		"another credential's offer":      func(c *contents) { c.credentials[0].offer = []byte{1} },
	} {
		c := sampleContents()
		change(c)
		if _, err := decodeContents(c.encode()); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestSecretsRedactThemselves(t *testing.T) {
	w, _ := newWallet(t)
	words, err := w.Words()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	nk := w.keys.nk.String()
	canaries := []string{words.Reveal(), strings.Fields(words.Reveal())[0] + " " + strings.Fields(words.Reveal())[1], nk, field.Hex(w.keys.nk),
		fmt.Sprintf("%x", w.keys.prk), fmt.Sprintf("%x", words.entropy()), fmt.Sprint(words.entropy()), w.identity.String()}
	clean := func(how, text string) {
		t.Helper()
		for i, c := range canaries {
			if strings.Contains(text, c) {
				t.Errorf("%s shows secret %d", how, i)
			}
		}
	}
	session, err := w.keys.session(field.Uint(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]any{
		"wallet": w, "words": words, "keys": w.keys, "contents": w.data, "record": sampleContents().consents[0],
		"credential": sampleContents().credentials[0], "document": sampleContents().documents[0], "session": session,
		"nested": struct{ W Words }{words}, "hidden": struct{ w Words }{words}, "hidden wallet": struct{ w *Wallet }{w},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			clean(name+" "+verb, text)
			if !strings.Contains(name, "hidden") && name != "nested" && text != redacted {
				t.Errorf("%s %s: %q", name, verb, text)
			}
		}
		logger.LogAttrs(context.Background(), slog.LevelInfo, name, slog.Any("v", v))
		if b, err := json.Marshal(v); err == nil && !strings.Contains(name, "hidden") {
			t.Errorf("%s has a JSON form: %s", name, b)
		}
		var g bytes.Buffer
		if err := gob.NewEncoder(&g).Encode(v); err == nil && !strings.Contains(name, "hidden") {
			t.Errorf("%s has a gob form", name)
		}
	}
	clean("slog", log.String())
}

func TestNothingIsWrittenInPlain(t *testing.T) {
	w, path := newWallet(t)
	const canary = "canary-of-a-diagnosis"
	if err := w.update(func(c *contents) error {
		digest := c.keep([]byte(canary))
		_, err := c.draft(Grant{Actor: canary, Policy: canary, Terms: consent.Terms{Purposes: 1, Categories: 1}}, field.Uint(1), digest, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	words, err := w.Words()
	if err != nil {
		t.Fatal(err)
	}
	nk, entropy := w.keys.nk.Bytes(), words.entropy()
	secrets := [][]byte{[]byte(canary), entropy[:], nk[:], []byte(words.Reveal()), []byte("AGE-SECRET-KEY"), w.keys.prk}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(filepath.Dir(path), f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range secrets {
			if bytes.Contains(b, s) {
				t.Errorf("%s holds secret %d in plain", f.Name(), i)
			}
		}
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", f.Name(), info.Mode())
		}
	}
	if !bytes.Contains(w.data.encode(), []byte(canary)) {
		t.Error("the canary is not in the wallet: this test would find nothing")
	}
}
