package benchmarks_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/directory"
	"github.com/zkconsent/zkconsent/consent/wallet/wallettest"
	"github.com/zkconsent/zkconsent/prover/provertest"
	"github.com/zkconsent/zkconsent/registry/ledger"
)

const (
	insurerURI = "https://insurer.example"
	policyText = "The insurer checks claims, and keeps the answer until the date shown."
)

// A site is a folder with everything that processes serve: a ledger of one
// member, which names a hospital that registers and issues and an insurer that
// asks; keys, policies, certificates; and, once they are started, the processes.
type site struct {
	t        testing.TB
	dir      string
	patients int
	circuit  consent.CircuitID
	keys     *wallettest.Prover // proves and verifies in this process
	folder   string             // with the circuits' keys

	genesis  *directory.Genesis
	hash     [32]byte
	hospital party
	issuers  consent.TrustList
	schema   *consent.Schema

	authority *authority
	node      *serving // the ledger's
	serving   *serving // the verifier's; the same, where one process is everything
	prover    *serving // so is this
}

// A party is an authority with its key.
type party struct {
	id  fr.Element
	key ed25519.PrivateKey
}

// newSite makes the folder. patients are how many of them get a certificate for
// the prover, headAge how old a head may be by which anybody decides, in seconds.
func newSite(t testing.TB, patients int, headAge uint64) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), patients: patients, circuit: consent.Claim}
	s.keys = wallettest.NewProver(t, consent.Enrol, s.circuit)
	s.folder, _ = provertest.Keys(t, consent.Enrol, s.circuit)
	s.schema, _ = consent.BuiltinSchema(consent.CoverageSchema)
	home := ledger.Home(filepath.Join(s.dir, "node"))
	validator, err := home.Create()
	s.must(err)
	d := directory.Directory{
		Parameters: directory.Parameters{Epoch: 600, EveryBlock: true, MaxHeadAge: headAge, Heartbeat: headAge / 10, Quota: 1 << 16, PowBits: 20, RevokeDelay: 3600, TrustPeriod: 180 * 24 * 3600, DevelopmentKeys: true},
		Validators: []directory.Validator{{Key: validator, Power: 1, Name: "Member"}},
		Schemas:    []directory.Named{{Name: s.schema.Name, Sequence: s.schema.Version, Digest: s.schema.Digest()}},
	}
	join := func(name string, roles directory.Roles) party {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		s.must(err)
		p := party{directory.AuthorityID(public), key}
		d.Authorities = append(d.Authorities, directory.Authority{ID: p.id, Key: public, URI: "https://" + name + ".example", Name: name, Roles: roles, Active: true})
		return p
	}
	s.hospital = join("hospital", directory.Registrar|directory.Issuer)
	insurer := join("insurer", directory.Verifier)
	slices.SortFunc(d.Authorities, func(a, b directory.Authority) int { return a.ID.Cmp(&b.ID) })
	s.issuers = consent.TrustList{Name: "issuers", Sequence: 1, Authorities: []fr.Element{s.hospital.id}}
	d.TrustLists = []directory.Named{{Name: s.issuers.Name, Sequence: s.issuers.Sequence, Digest: s.issuers.Digest()}}
	for i := range s.keys.Manifest.Entries {
		e := &s.keys.Manifest.Entries[i]
		d.Manifests = append(d.Manifests, directory.Manifest{Circuit: e.Circuit, Digest: e.Digest()})
	}
	slices.SortFunc(d.Manifests, func(a, b directory.Manifest) int { return bytes.Compare([]byte(a.Circuit), []byte(b.Circuit)) })
	s.genesis = &directory.Genesis{ChainID: "figures", Time: uint64(time.Now().Unix()), Directory: d}
	s.must(home.WriteGenesis(s.genesis))
	s.hash = directory.GenesisHash(s.genesis)

	s.write("insurer/genesis.zkc", s.genesis.Encode())
	pkcs, err := x509.MarshalPKCS8PrivateKey(insurer.key)
	s.must(err)
	s.write("insurer/authority.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}))
	s.write("policies/issuers.zkc", s.issuers.Encode())
	s.write("policies/claims.json", fmt.Appendf(nil, `{"circuit": "claim", "purpose": "CLMATTCH", "categories": ["coverage", "demographics"],
		"data": {"from": "2026-01-01"}, "relyFor": "30d", "policyText": %q, "schema": "coverage", "trust": "issuers.zkc",
		"where": [{"slots": ["start"], "atMost": "2026-06-15"}, {"slots": ["end"], "atLeast": "2026-06-15"}],
		"rule": "once", "context": "claim", "opened": %q}`, policyText, time.Now().UTC().Format(time.DateOnly)))

	s.authority = newAuthority(t, filepath.Join(s.dir, "tls"))
	s.authority.issue("server", "https://server.example")
	s.authority.issue("insurer", insurerURI)
	for i := range patients {
		s.authority.issue(patientName(i), "https://"+patientName(i)+".example")
	}
	return s
}

func patientName(i int) string { return fmt.Sprint("patient-", i+1) }

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) write(name string, b []byte) {
	s.t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	s.must(os.MkdirAll(filepath.Dir(path), 0o700))
	s.must(os.WriteFile(path, b, 0o600))
}

// dial connects to a process as whoever a certificate names, and as nobody where
// that is empty. No call is repeated: a refusal is to be seen.
func (p *serving) dial(name string) *client.Conn {
	t, a := p.site.t, p.site.authority
	t.Helper()
	c := client.Config{Addresses: []string{"https://" + p.grpc}, CAFile: a.path("ca.pem"), Attempts: 1}
	if name != "" {
		c.CertFile, c.KeyFile = a.path(name+".pem"), a.path(name+".key")
	}
	conn, err := client.Dial(c)
	p.site.must(err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// An authority signs the certificates of a process and its callers.
type authority struct {
	t    testing.TB
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, dir string) *authority {
	t.Helper()
	a := &authority{t: t, dir: dir}
	a.must(os.MkdirAll(dir, 0o700))
	c := a.template()
	c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = "figures", true, true, x509.KeyUsageCertSign
	a.cert = c
	a.key = a.sign("ca", c)
	return a
}

func (a *authority) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) template() *x509.Certificate {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	a.must(err)
	return &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour)}
}

// issue writes NAME.pem and NAME.key for the loopback interface and a URI.
func (a *authority) issue(name, uri string) {
	a.t.Helper()
	u, err := url.Parse(uri)
	a.must(err)
	c := a.template()
	c.IPAddresses, c.URIs = []net.IP{net.IPv4(127, 0, 0, 1)}, []*url.URL{u}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	a.sign(name, c)
}

func (a *authority) sign(name string, c *x509.Certificate) *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.must(err)
	by := a.key
	if by == nil {
		by = key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key.Public(), by)
	a.must(err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	a.must(err)
	a.must(os.WriteFile(a.path(name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	a.must(os.WriteFile(a.path(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}), 0o600))
	return key
}

// soon is a context for what must come soon.
func (s *site) soon() context.Context { return within(s.t, 2*time.Minute) }
