package config

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/internal/identity"
	"github.com/zkconsent/zkconsent/registry/ledger/member"
)

// Algorithms are the signature algorithms that a token may have: none with a
// shared secret, and not "none".
func Algorithms() []string { return []string{"RS256", "ES256", "EdDSA"} }

// A checker holds a configuration against what its fields mean.
type checker struct {
	*Config
	report
}

// wrong reports a field. A field that nobody wrote is reported where the
// nearest section was.
func (c *checker) wrong(field, format string, args ...any) {
	c.add(c.origin(field), field, format, args...)
}

func (c *Config) origin(field string) origin {
	for path := field; ; {
		if o, ok := c.origins[path]; ok {
			return o
		}
		i := strings.LastIndexAny(path, ".[")
		if i < 0 {
			break
		}
		path = path[:i]
	}
	if o, ok := c.origins[""]; ok {
		return o
	}
	return origin{"configuration", 0}
}

// Validate checks what the fields mean, each and together; sections of roles
// that the process does not have are not looked at. An error is [Faults].
func (c *Config) Validate() error {
	k := &checker{Config: c}
	if len(c.Roles) == 0 {
		k.wrong("roles", "no role is named: one or several of registry, prover, verifier, here or with --roles")
	}
	k.distinct("roles", len(c.Roles), func(i int) string { return string(c.Roles[i]) })
	k.listen()
	k.tls()
	k.identity()
	if c.Has(Registry) {
		k.registry()
	}
	if c.Has(Prover) {
		k.prover()
	}
	if c.Has(Verifier) {
		k.verifier()
	}
	k.telemetry()
	if l := c.Limits; l.Drain < time.Second || l.Drain > 10*time.Minute {
		k.wrong("limits.drain", "%s; from 1s to 10m", l.Drain)
	}
	if l := c.Limits.Linger; l < 0 || l > time.Minute {
		k.wrong("limits.linger", "%s; from 0s to 1m", l)
	}
	if n := c.Limits.MaxConnections; n < 8 || n > 100000 {
		k.wrong("limits.maxConnections", "%d; from 8 to 100000, and less than half of the file descriptors", n)
	}
	if m := c.Limits.MemoryMiB; m != 0 && m < 128 {
		k.wrong("limits.memoryMiB", "%d; 128 or more, or 0 for no bound of its own", m)
	}
	return k.err()
}

func (c *checker) distinct(field string, n int, at func(int) string) {
	seen := map[string]bool{}
	for i := range n {
		if seen[at(i)] {
			c.wrong(fmt.Sprintf("%s[%d]", field, i), "stands in the list twice; keep one")
		}
		seen[at(i)] = true
	}
}

// Loopback tells whether an address host:port can be reached from this machine
// only, as far as its text says so.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// address checks host:port.
func (c *checker) address(field, value string) bool {
	host, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsAny(host, "/ @") {
		c.wrong(field, "HOST:PORT is wanted, such as 127.0.0.1:7300")
		return false
	}
	return true
}

// node checks the address of a node that is read: host:port, over TLS unless it
// is on loopback, or https://host:port.
func (c *checker) node(field, value string) { c.address(field, strings.TrimPrefix(value, "https://")) }

// OffLoopback tells whether a listener for callers can be reached from other
// machines.
func (c *Config) OffLoopback() bool {
	return !Loopback(c.Listen.GRPC) || c.Listen.REST != "" && !Loopback(c.Listen.REST)
}

func (c *checker) listen() {
	l := c.Listen
	good := c.address("listen.grpc", l.GRPC)
	if l.REST != "" {
		good = c.address("listen.rest", l.REST) && good
	}
	if good && c.OffLoopback() {
		field := "listen.grpc"
		if Loopback(l.GRPC) {
			field = "listen.rest"
		}
		if c.TLS.CertFile == "" {
			c.wrong(field, "other machines can reach this address: name a certificate in tls.certFile, or listen on 127.0.0.1")
		}
		if len(c.Identity.Certificates)+len(c.Identity.Tokens) == 0 {
			c.wrong(field, "other machines can reach this address: say in identity.certificates or identity.tokens who has which role, or listen on 127.0.0.1")
		}
	}
	if l.Admin != "" && c.address("listen.admin", l.Admin) && !Loopback(l.Admin) {
		c.wrong("listen.admin", "metrics and profiles are served on loopback only, such as 127.0.0.1:7302; let a collector on this machine fetch them")
	}
	places := map[string]string{}
	for _, at := range [][2]string{{"listen.grpc", l.GRPC}, {"listen.rest", l.REST}, {"listen.admin", l.Admin}} {
		if _, port, err := net.SplitHostPort(at[1]); err != nil || port == "0" {
			continue
		}
		if other := places[at[1]]; other != "" {
			c.wrong(at[0], "the same address as %s; each listener needs a port of its own", other)
		}
		places[at[1]] = at[0]
	}
}

func (c *checker) tls() {
	t := c.TLS
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		c.wrong("tls.keyFile", "the certificate's private key is missing")
	case t.CertFile == "" && t.KeyFile != "":
		c.wrong("tls.certFile", "a key without its certificate")
	case t.CertFile == "" && t.ClientCAFile != "":
		c.wrong("tls.clientCAFile", "callers show certificates over TLS only: name tls.certFile and tls.keyFile too")
	}
}

func (c *checker) identity() {
	id := c.Identity
	if len(id.Certificates) > 0 && c.TLS.ClientCAFile == "" {
		c.wrong("identity.certificates", "no certificate can be shown: name in tls.clientCAFile whose certificates are taken")
	}
	if c.TLS.ClientCAFile != "" && len(id.Certificates) == 0 {
		c.wrong("tls.clientCAFile", "no certificate would have a role: say in identity.certificates who has which")
	}
	for i, r := range id.Certificates {
		field := fmt.Sprintf("identity.certificates[%d]", i)
		if (r.URI == "") == (r.DNS == "") {
			c.wrong(field, "exactly one of uri and dns is wanted")
		}
		if strings.Contains(r.DNS, "*") {
			c.wrong(field+".dns", "names are compared as a whole: no wildcard")
		}
		c.roles(field+".roles", r.Roles)
	}
	c.distinct("identity.certificates", len(id.Certificates), func(i int) string { return id.Certificates[i].URI + " " + id.Certificates[i].DNS })
	for i, t := range id.Tokens {
		c.token(fmt.Sprintf("identity.tokens[%d]", i), t)
	}
	c.distinct("identity.tokens", len(id.Tokens), func(i int) string { return id.Tokens[i].Issuer })
	if len(id.LoopbackRoles) > 0 && c.TLS.CertFile != "" {
		c.wrong("identity.loopbackRoles", "with TLS a role comes from a certificate or a token: take this out")
	}
	if len(id.LoopbackRoles) > 0 {
		c.roles("identity.loopbackRoles", id.LoopbackRoles)
	}
	c.rate("identity.rate", id.Rate)
	c.rate("identity.anonymousRate", id.AnonymousRate)
}

func (c *checker) rate(field string, r Rate) {
	if !(r.PerSecond > 0) {
		c.wrong(field+".perSecond", "more than 0 is wanted")
	}
	if r.Burst < 1 || r.Burst > 1e6 {
		c.wrong(field+".burst", "from 1 to 1000000")
	}
}

func (c *checker) roles(field string, roles []identity.Role) {
	if len(roles) == 0 {
		c.wrong(field, "at least one role is wanted")
	}
	c.distinct(field, len(roles), func(i int) string { return string(roles[i]) })
}

func (c *checker) token(field string, t Token) {
	u, err := url.Parse(t.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && !(u.Scheme == "http" && Loopback(net.JoinHostPort(u.Hostname(), "0"))) {
		c.wrong(field+".issuer", "an https URL without user, query and fragment is wanted; http on loopback only")
	}
	if t.Audience == "" {
		c.wrong(field+".audience", "without it a token that was made for another service would be taken; name this service's")
	}
	if len(t.Algorithms) == 0 {
		c.wrong(field+".algorithms", "at least one of %s", strings.Join(Algorithms(), ", "))
	}
	for i, a := range t.Algorithms {
		if !slices.Contains(Algorithms(), a) {
			c.wrong(fmt.Sprintf("%s.algorithms[%d]", field, i), "one of %s is wanted", strings.Join(Algorithms(), ", "))
		}
	}
	if t.RolesClaim == "" {
		c.wrong(field+".rolesClaim", "the name of a claim is wanted")
	}
	if len(t.Roles) == 0 {
		c.wrong(field+".roles", "no value of the claim gives a role: say which do")
	}
	if t.KeysEvery < time.Second || t.KeysEvery > 24*time.Hour {
		c.wrong(field+".keysEvery", "%s; from 1s to 24h", t.KeysEvery)
	}
	for _, value := range slices.Sorted(maps.Keys(t.Roles)) {
		c.roles(join(field+".roles", value), t.Roles[value])
	}
}

func (c *checker) registry() {
	r := c.Config.Registry
	if r.Home == "" {
		c.wrong("registry.home", "the folder of the node is missing; zkconsent node init and node join make one")
	}
	if r.P2P != "" {
		c.address("registry.p2p", r.P2P)
	}
	for i, p := range r.Peers {
		if _, err := member.ParsePeer(p); err != nil {
			c.wrong(fmt.Sprintf("registry.peers[%d]", i), "ID@HOST:PORT is wanted")
		}
	}
	for i, a := range r.Join {
		c.node(fmt.Sprintf("registry.join[%d]", i), a)
	}
}

func (c *checker) prover() {
	p := c.Config.Prover
	if p.Keys == "" {
		c.wrong("prover.keys", "the folder of the circuits' keys is missing; zkconsent keys show names one")
	}
	if p.Genesis == "" && !c.Has(Registry) {
		c.wrong("prover.genesis", "the ledger's genesis file is missing")
	}
	c.distinct("prover.circuits", len(p.Circuits), func(i int) string { return string(p.Circuits[i]) })
	if p.Workers < 0 || p.Workers > 256 {
		c.wrong("prover.workers", "from 0 to 256")
	}
	if p.MemoryMiB < 32 || p.MemoryMiB > 1<<20 {
		c.wrong("prover.memoryMiB", "from 32 to 1048576")
	}
	if p.Queue < 0 || p.Queue > 10000 {
		c.wrong("prover.queue", "from 0 to 10000")
	}
	if p.PerPrincipal < 0 || p.PerPrincipal > 10000 {
		c.wrong("prover.perPrincipal", "from 0 to 10000")
	}
}

// maxNodes bounds the nodes of the ledger that a verifier reads.
const maxNodes = 16

func (c *checker) verifier() {
	v := c.Config.Verifier
	if v.Home == "" {
		c.wrong("verifier.home", "the folder of the verifier is missing, with genesis.zkc and authority.pem")
	}
	if v.Keys == "" {
		c.wrong("verifier.keys", "the folder of the circuits' keys is missing; zkconsent keys show names one")
	}
	if len(v.Nodes) == 0 && !c.Has(Registry) {
		c.wrong("verifier.nodes", "no node of the ledger is named, and none runs in this process")
	}
	if len(v.Nodes) > maxNodes {
		c.wrong("verifier.nodes", "%d nodes, at most %d are read", len(v.Nodes), maxNodes)
	}
	for i, a := range v.Nodes {
		c.node(fmt.Sprintf("verifier.nodes[%d]", i), a)
	}
	c.distinct("verifier.nodes", len(v.Nodes), func(i int) string { return v.Nodes[i] })
	if v.Follow < 100*time.Millisecond || v.Follow > time.Minute {
		c.wrong("verifier.follow", "%s; from 100ms to 1m", v.Follow)
	}
	if v.Store.SQLite != "" && v.Store.DSNFile != "" {
		c.wrong("verifier.store", "sqlite and dsnFile are both named; keep one")
	}
	if v.SmallestCount < 1 {
		c.wrong("verifier.smallestCount", "1 or more; 1 tells every count")
	}
	if v.AnswerTime < time.Second || v.AnswerTime > consent.MaxAnswerTime {
		c.wrong("verifier.answerTime", "%s; from 1s to %s", v.AnswerTime, consent.MaxAnswerTime)
	}
	if v.Purge != 0 && v.Purge < time.Minute {
		c.wrong("verifier.purge", "%s; 1m or more, or 0 for never", v.Purge)
	}
}

func (c *checker) telemetry() {
	t := c.Telemetry.Traces
	if !(t.Ratio >= 0 && t.Ratio <= 1) {
		c.wrong("telemetry.traces.ratio", "from 0 to 1")
	}
	if t.Endpoint == "" {
		return
	}
	if c.address("telemetry.traces.endpoint", t.Endpoint) && t.Plaintext && !Loopback(t.Endpoint) {
		c.wrong("telemetry.traces.plaintext", "plaintext goes to a collector on loopback only: take it out, and name telemetry.traces.caFile if the collector's authority is your own")
	}
	if t.Plaintext && t.CAFile != "" {
		c.wrong("telemetry.traces.caFile", "plaintext has no certificates: keep one of the two")
	}
}
