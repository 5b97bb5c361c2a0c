package config

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const minimal = "roles: [verifier]\nverifier:\n  home: /srv/insurer\n  keys: /srv/keys\n  nodes: [127.0.0.1:7310]\n"

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFiveLinesAreEnough(t *testing.T) {
	for _, text := range []string{
		minimal,
		"roles: [registry]\nregistry:\n  home: /srv/node\n",
		"roles: [prover]\nprover:\n  keys: /srv/keys\n  genesis: /srv/genesis.zkc\n",
	} {
		c, err := Load(Sources{File: file(t, text)})
		if err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(text, "\n"); lines > 5 || c.Listen.GRPC != "127.0.0.1:7300" || c.Limits.Drain != 20*time.Second || c.Prover.Queue != 32 {
			t.Errorf("%d lines, %v", lines, c)
		}
	}
}

func TestExamplesLoad(t *testing.T) {
	files, err := filepath.Glob("../../deploy/config/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		c, err := Load(Sources{File: f})
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if name := strings.TrimSuffix(filepath.Base(f), ".yaml"); name != "all" && !slices.Equal(c.Roles, []Role{Role(name)}) {
			t.Errorf("%s has the roles %v", f, c.Roles)
		}
	}
}

func TestPrecedence(t *testing.T) {
	path := file(t, minimal+"listen: {grpc: 127.0.0.1:1, rest: 127.0.0.1:2, admin: 127.0.0.1:3}\n")
	c, err := Load(Sources{
		File: path,
		Env: []string{"ZKCONSENT_LISTEN_REST=127.0.0.1:22", "ZKCONSENT_LISTEN_ADMIN=127.0.0.1:33", "ZKCONSENT_NODE=ignored", "PATH=/bin",
			"ZKCONSENT_VERIFIER_SMALLEST_COUNT=7", "ZKCONSENT_TLS_CLIENT_CA_FILE=", `ZKCONSENT_IDENTITY_LOOPBACK_ROLES=insurer,auditor`},
		Set: []string{"listen.admin=127.0.0.1:333", "roles=verifier,registry", "registry.home=/srv/node", "verifier.nodes=https://node.hospital.example.org:7300,127.0.0.1:7311", "verifier.nodesCAFile=/srv/ca.pem", "registry.peers="},
	})
	if err != nil {
		t.Fatal(err)
	}
	if l := (Listen{"127.0.0.1:1", "127.0.0.1:22", "127.0.0.1:333"}); c.Listen != l {
		t.Errorf("%v", c.Listen)
	}
	if c.Verifier.SmallestCount != 7 || len(c.Identity.LoopbackRoles) != 2 || !c.Has(Registry) || len(c.Verifier.Nodes) != 2 {
		t.Error(c)
	}
	// A list of rules is replaced as a whole.
	c, err = Read(Sources{Set: []string{`identity.certificates=[{uri: "https://a.example.org", roles: [insurer]}]`}})
	if err != nil || len(c.Identity.Certificates) != 1 || c.Identity.Certificates[0].URI != "https://a.example.org" {
		t.Error(c, err)
	}
}

func TestPathsAreOfTheFilesFolder(t *testing.T) {
	path := file(t, "roles: [registry]\nregistry: {home: node}\nverifier: {store: {dsnFile: secrets/dsn}}\n")
	c, err := Load(Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if want := Path(filepath.Join(filepath.Dir(path), "node")); c.Registry.Home != want {
		t.Errorf("%s, want %s", c.Registry.Home, want)
	}
	found := 0
	c.Secrets(func(field string, f SecretFile) {
		if found++; field != "verifier.store.dsnFile" || string(f) != filepath.Join(filepath.Dir(path), "secrets", "dsn") {
			t.Error(field, f)
		}
	})
	if found != 1 {
		t.Error(found)
	}
}

// TestFaultsSayWhereAndWhat: each says file, line, field and what to do, and
// all are told at once.
func TestFaultsSayWhereAndWhat(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"unknown":          {"roles: [verifier]\nverifer: {}\n", []string{":2: there is no field verifer; there are roles, listen,"}},
		"unknown below":    {"listen:\n  grcp: x\n", []string{":2: listen: there is no field grcp; there are grpc, rest, admin"}},
		"twice":            {"listen:\n  grpc: 127.0.0.1:1\n  grpc: 127.0.0.1:2\n", []string{":3: listen.grpc: stands on line 2 too"}},
		"many":             {"roles: [verifer]\nverifier:\n  follow: fast\n  smallestCount: ten\n  purge: 1\n", []string{":1: roles[0]: one of registry, prover, verifier", ":3: verifier.follow: a time such as 30s", ":4: verifier.smallestCount: a whole number", ":5: verifier.purge: a time"}},
		"not YAML":         {"roles: [verifier\nlisten: x: y\n", []string{"this is not YAML"}},
		"a tab":            {"listen:\n\tgrpc: x\n", []string{":2: this is not YAML"}},
		"two documents":    {"roles: [verifier]\n---\nroles: [prover]\n", []string{"more than one document"}},
		"an alias":         {"roles: &a [verifier]\nverifier: {nodes: *a}\n", []string{"anchors and aliases"}},
		"a tag":            {"roles: !!binary x\n", []string{"a tag (!)"}},
		"a list":           {"listen: [a]\n", []string{"listen: a section with fields is wanted"}},
		"no value":         {"listen:\n  grpc:\n", []string{":2: listen.grpc: a value is missing"}},
		"no roles":         {"listen: {grpc: 127.0.0.1:0}\n", []string{"site.yaml: roles: no role is named"}},
		"off loopback":     {minimal + "listen:\n  grpc: 0.0.0.0:7300\n", []string{":7: listen.grpc: other machines can reach this address: name a certificate", "say in identity.certificates"}},
		"REST off":         {minimal + "listen: {rest: '[::]:7301'}\n", []string{"listen.rest: other machines"}},
		"admin off":        {minimal + "listen: {admin: 10.0.0.1:7302}\n", []string{"listen.admin: metrics and profiles are served on loopback only"}},
		"one port":         {minimal + "listen: {rest: 127.0.0.1:7300}\n", []string{"listen.rest: the same address as listen.grpc"}},
		"half a pair":      {minimal + "tls: {certFile: a.pem}\n", []string{"tls.keyFile: the certificate's private key is missing"}},
		"CA without TLS":   {minimal + "tls: {clientCAFile: a.pem}\n", []string{"tls.clientCAFile: callers show certificates over TLS only", "no certificate would have a role"}},
		"loopback and TLS": {minimal + "tls: {certFile: a.pem, keyFile: a.key}\nidentity:\n  loopbackRoles: [insurer]\n", []string{":8: identity.loopbackRoles: with TLS"}},
		"rules":            {minimal + "identity:\n  certificates:\n    - {uri: a, dns: b, roles: [insurer]}\n    - {dns: '*.b', roles: []}\n    - {dns: c, roles: [king]}\n", []string{":10: identity.certificates[2].roles[0]: one of patient, registrar"}},
		"rules' meaning":   {minimal + "identity:\n  certificates:\n    - {uri: a, dns: b, roles: [insurer]}\n    - {dns: '*.b', roles: []}\n", []string{":8: identity.certificates[0]: exactly one of uri and dns", ":9: identity.certificates[1].dns: names are compared as a whole", ":9: identity.certificates[1].roles: at least one role"}},
		"tokens":           {minimal + "identity:\n  tokens:\n    - {issuer: 'http://login.example.org', algorithms: [none, HS256], roles: {}}\n", []string{"tokens[0].issuer: an https URL", "tokens[0].audience: without it a token that was made for another service", "algorithms[0]: one of RS256", "algorithms[1]: one of RS256", "tokens[0].roles: no value of the claim"}},
		"two stores":       {minimal + "  store: {sqlite: a, dsnFile: b}\n", []string{":6: verifier.store: sqlite and dsnFile are both named"}},
		"a node twice":     {"roles: [verifier]\nverifier: {home: a, keys: b, nodes: [127.0.0.1:1, 127.0.0.1:1]}\n", []string{"verifier.nodes[1]: stands in the list twice"}},
		"roles' sections":  {"roles: [registry, prover, verifier]\n", []string{"registry.home", "prover.keys", "verifier.home", "verifier.keys"}},
		"traces":           {minimal + "telemetry: {traces: {endpoint: '10.0.0.1:4317', plaintext: true, ratio: 2}}\n", []string{"traces.ratio: from 0 to 1", "traces.plaintext: plaintext goes to a collector on loopback only"}},
		"not a number":     {minimal + "telemetry: {traces: {ratio: .nan}}\n", []string{"traces.ratio"}},
		"limits":           {minimal + "limits: {drain: 1ms, memoryMiB: 3}\n", []string{"limits.drain", "limits.memoryMiB"}},
		"rate":             {minimal + "identity: {rate: {perSecond: 0, burst: 0}}\n", []string{"identity.rate.perSecond", "identity.rate.burst"}},
		"too large":        {"# " + strings.Repeat("x", MaxFile), []string{"larger than the 256 KiB"}},
	} {
		_, err := Load(Sources{File: file(t, c.text)})
		var faults Faults
		if !errors.As(err, &faults) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: no %q in\n%v", name, w, err)
			}
		}
		for _, f := range faults {
			if !strings.Contains(f.Where, "site.yaml") {
				t.Errorf("%s: %v does not say where", name, f)
			}
		}
	}
}

func TestFaultsOfOverrides(t *testing.T) {
	for name, c := range map[string]struct {
		s    Sources
		want string
	}{
		"a variable of no field": {Sources{Env: []string{"ZKCONSENT_LISTEN_GRCP=x"}}, "$ZKCONSENT_LISTEN_GRCP: names no field of the section listen"},
		"its value":              {Sources{Env: []string{"ZKCONSENT_LIMITS_DRAIN=soon"}}, "$ZKCONSENT_LIMITS_DRAIN: limits.drain: a time such as"},
		"its meaning":            {Sources{Env: []string{"ZKCONSENT_LIMITS_DRAIN=1ms"}}, "$ZKCONSENT_LIMITS_DRAIN: limits.drain: 1ms; from 1s"},
		"a flag of no field":     {Sources{Set: []string{"listen.grcp=x"}}, "--set: there is no field listen.grcp"},
		"of a section":           {Sources{Set: []string{"listen=x"}}, "--set: there is no field listen"},
		"no value":               {Sources{Set: []string{"listen.grpc"}}, "--set: PATH=VALUE is wanted"},
		"a flag's value":         {Sources{Set: []string{"verifier.purge=x"}}, "--set verifier.purge: verifier.purge: a time"},
		"a flag's list":          {Sources{Set: []string{"identity.certificates=[{url: x}]"}}, "there is no field url; there are uri, dns, roles"},
		"no file":                {Sources{File: filepath.Join(t.TempDir(), "none.yaml")}, "there is no such file"},
		"a folder":               {Sources{File: t.TempDir()}, "is it a folder?"},
	} {
		if _, err := Load(c.s); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestFaultsAreBounded(t *testing.T) {
	text := strings.Repeat("x: y\n", 1000)
	_, err := Load(Sources{File: file(t, text)})
	if n := strings.Count(fmt.Sprint(err), "\n"); n != maxFaults {
		t.Errorf("%d lines", n)
	}
}

// TestAttack_SecretInTheConfiguration: a secret that somebody put into the
// file, a variable or a flag is refused and repeated nowhere.
func TestAttack_SecretInTheConfiguration(t *testing.T) {
	const secret = "correct-horse-battery"
	sources := map[string]Sources{
		"a key":       {File: file(t, minimal+"tls:\n  keyFile: |\n    -----BEGIN PRIVATE KEY-----\n    "+secret+"\n")},
		"a DSN":       {File: file(t, minimal+"  store: {dsnFile: 'postgres://u:"+secret+"@db/x'}\n")},
		"a variable":  {Env: []string{"ZKCONSENT_VERIFIER_STORE_DSN_FILE=host=db password=" + secret}},
		"a flag":      {Set: []string{"tls.keyFile=-----BEGIN " + secret}},
		"a field":     {File: file(t, "password-of-"+secret+"-that-is-longer-than-a-field: x\n")},
		"not YAML":    {File: file(t, "a: b: "+secret+"\n\t"+secret)},
		"a list":      {File: file(t, "tls: {keyFile: ["+secret+"]}\n")},
		"a number":    {File: file(t, "limits: {memoryMiB: "+secret+"}\n")},
		"an alias":    {File: file(t, "tls: {keyFile: *"+secret+"}\n")},
		"flag's path": {Set: []string{"password " + secret + "=x"}},
	}
	for name, s := range sources {
		c, err := Load(s)
		if err == nil {
			t.Errorf("%s was taken", name)
		}
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%s is repeated: %v", name, err)
		}
		if c != nil && strings.Contains(c.String(), secret) {
			t.Errorf("%s is printed", name)
		}
	}
	// Put there by a program, it is not printed either.
	c := Default()
	c.TLS.KeyFile = "-----BEGIN " + secret
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "file", c.TLS.KeyFile)
	for _, s := range []string{c.String(), fmt.Sprint(c), fmt.Sprintf("%+v %#v %s", c.TLS, c.TLS, c.TLS.KeyFile), log.String()} {
		if strings.Contains(s, secret) {
			t.Errorf("%s", s)
		}
	}
}

// TestPrintedConfigurationIsTheSame: what is printed can be loaded.
func TestPrintedConfigurationIsTheSame(t *testing.T) {
	files, _ := filepath.Glob("../../deploy/config/*.yaml")
	for _, f := range files {
		c, err := Load(Sources{File: f})
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode("printed", []byte(c.String()))
		if err != nil {
			t.Fatal(err)
		}
		if a, b := *c, *again; !same(a, b) {
			t.Errorf("%s:\n%v\n%v", f, c, again)
		}
	}
}

// same compares what two configurations say, not where they say it.
func same(a, b Config) bool { return a.String() == b.String() }

func TestVariables(t *testing.T) {
	seen := map[string]string{}
	Default().each(func(path string, v reflect.Value) {
		name := Variable(path)
		if other := seen[name]; other != "" {
			t.Errorf("%s and %s are both %s", path, other, name)
		}
		seen[name] = path
		if strings.ToUpper(name) != name {
			t.Error(name)
		}
	})
	if seen["ZKCONSENT_VERIFIER_STORE_DSN_FILE"] != "verifier.store.dsnFile" || seen["ZKCONSENT_TLS_CLIENT_CA_FILE"] != "tls.clientCAFile" || seen["ZKCONSENT_REGISTRY_P2P"] == "" || len(seen) < 30 {
		t.Error(len(seen))
	}
}

// TestAttack_EmptyVariable: a variable that a container sets and nobody filled
// takes no certificate, no rule and no database away: a replica would keep
// nullifiers for itself alone.
func TestAttack_EmptyVariable(t *testing.T) {
	text := minimal + "  store: {dsnFile: /srv/dsn}\n" +
		"tls: {certFile: /srv/cert, keyFile: /srv/key, clientCAFile: /srv/ca}\n" +
		"identity:\n  certificates: [{dns: a, roles: [insurer]}]\n  tokens: [{issuer: 'https://a.example', audience: a, roles: {g: [insurer]}}]\n"
	plain, err := Load(Sources{File: file(t, text)})
	if err != nil {
		t.Fatal(err)
	}
	var env []string
	plain.each(func(path string, _ reflect.Value) { env = append(env, Variable(path)+"=") })
	c, err := Load(Sources{File: file(t, text), Env: env})
	if err != nil || c.String() != plain.String() {
		t.Errorf("%v\n%s\nwant\n%s", err, c, plain)
	}
	// Who means it says so with a flag.
	c, err = Load(Sources{File: file(t, text), Set: []string{"verifier.store.dsnFile="}})
	if err != nil || c.Verifier.Store.DSNFile != "" {
		t.Errorf("%v, %v", c, err)
	}
}

// TestAttack_ConfigurationThatEverybodyWrites: whoever has an account on the
// machine would give themselves a role.
func TestAttack_ConfigurationThatEverybodyWrites(t *testing.T) {
	f := file(t, minimal)
	for mode, good := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o644: true, 0o664: true, 0o666: false, 0o602: false} {
		if err := os.Chmod(f, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(Sources{File: f}); (err == nil) != good {
			t.Errorf("%s: %v", mode, err)
		}
	}
}

// TestOneIssuerOnce: the guard knows an issuer by its address alone.
func TestOneIssuerOnce(t *testing.T) {
	_, err := Load(Sources{File: file(t, minimal+"identity:\n  tokens:\n  - {issuer: 'https://a.example', audience: a, roles: {g: [insurer]}}\n  - {issuer: 'https://a.example', audience: b, roles: {g: [insurer]}}\n")})
	if err == nil || !strings.Contains(err.Error(), "identity.tokens[1]: stands in the list twice") {
		t.Errorf("%v", err)
	}
}
