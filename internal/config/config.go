// Package config reads the one file that says how a process serves: which
// roles it has, where it listens, who may call, and where its keys and its
// store lie (docs/configuration.md, which is made from the comments here).
//
// What the file says, an environment variable overrides, and that, a flag.
// Unknown and repeated fields are refused; all faults are reported at once.
//
// # Caveats
//
// No field holds a secret: keys, passwords and data source names stand in
// files of their own, and the configuration names the file. A secret that was
// written here by mistake is refused without being repeated.
//
// Off loopback a configuration without TLS, or without a rule that says who
// may call, is refused.
package config

import (
	"slices"
	"time"

	"github.com/zkconsent/zkconsent/internal/identity"
)

// A Role is what a process does.
type Role string

// The roles of a process.
const (
	Registry Role = "registry" // a node of the ledger
	Prover   Role = "prover"   // makes proofs for patients
	Verifier Role = "verifier" // asks, decides, and keeps the evidence
)

// A Path is a file or a folder. One that is not absolute is looked for in the
// folder of the configuration file; one of an override, in the working folder.
type Path string

// A SecretFile is the path of a file that holds a secret: nobody but its owner
// may read it.
type SecretFile string

// Config is everything that a process is told.
type Config struct {
	// What this process does: `registry` runs a node of the ledger, `prover` makes proofs for patients, `verifier` asks patients and decides. One or several; `--roles` of the command line overrides it.
	Roles []Role `yaml:"roles"`

	Listen    Listen          `yaml:"listen"`
	TLS       TLS             `yaml:"tls"`
	Identity  Identity        `yaml:"identity"`
	Registry  RegistrySection `yaml:"registry"`
	Prover    ProverSection   `yaml:"prover"`
	Verifier  VerifierSection `yaml:"verifier"`
	Telemetry Telemetry       `yaml:"telemetry"`
	Limits    Limits          `yaml:"limits"`

	origins map[string]origin
}

// Has tells whether the process has a role.
func (c *Config) Has(r Role) bool { return slices.Contains(c.Roles, r) }

// Listen says where the process listens. One listener serves gRPC and one REST, for all roles together.
type Listen struct {
	// Address of gRPC, `host:port`; port 0 takes any that is free. Another host than loopback needs `tls` and `identity`.
	GRPC string `yaml:"grpc" default:"127.0.0.1:7300"`
	// Address of REST, with /openapi.json, /docs, /healthz and /readyz; empty serves none.
	REST string `yaml:"rest" default:"127.0.0.1:7301"`
	// Address of metrics (/metrics), profiles (/debug/pprof/) and health for the operator, on loopback only; empty serves none.
	Admin string `yaml:"admin" default:"127.0.0.1:7302"`
}

// TLS is the process's own certificate, and whose certificates callers show. Files that change are read again by themselves; nothing has to be restarted.
type TLS struct {
	// Certificate chain in PEM, the process's own first. Empty means plaintext, which is served on loopback only.
	CertFile Path `yaml:"certFile"`
	// Private key of the certificate, in PEM.
	KeyFile SecretFile `yaml:"keyFile"`
	// Certificates in PEM of the authorities that sign callers' certificates. Empty means that no caller is known by a certificate.
	ClientCAFile Path `yaml:"clientCAFile"`
}

// Identity says who has which role; what each role may call is the table in docs/authorization.md. A caller without a credential may call what the table gives to anyone.
type Identity struct {
	// Who has which role by a client certificate that an authority of `tls.clientCAFile` has signed. The first rule that fits holds.
	Certificates []Certificate `yaml:"certificates"`
	// Whose bearer tokens are taken (OpenID Connect), and which roles they give.
	Tokens []Token `yaml:"tokens"`
	// Roles of everybody who calls over loopback in plaintext, such as a program on the same machine. Without TLS only; empty gives them what anyone may.
	LoopbackRoles []identity.Role `yaml:"loopbackRoles"`
	// How often each caller with a credential may call.
	Rate Rate `yaml:"rate"`
	// How often callers without a credential may call, those of one address (IPv4) or one /56 (IPv6) together. Behind a proxy all of them have one address.
	AnonymousRate Rate `yaml:"anonymousRate"`
}

// A Certificate rule says who a client certificate speaks for. Exactly one of `uri` and `dns` is named.
type Certificate struct {
	// URI of the certificate's subject alternative names, compared as a whole.
	URI string `yaml:"uri"`
	// DNS name of the certificate's subject alternative names, compared as a whole: no wildcard.
	DNS string `yaml:"dns"`
	// Roles of whoever shows it.
	Roles []identity.Role `yaml:"roles"`
}

// A Token rule is one issuer of bearer tokens.
type Token struct {
	// URL of the issuer, as the tokens' `iss` has it; its keys are found by OpenID Connect discovery. https, but for loopback.
	Issuer string `yaml:"issuer"`
	// The audience that a token must be made for, as its `aud` has it.
	Audience string `yaml:"audience"`
	// Signature algorithms that are taken: `RS256`, `ES256`, `EdDSA`. `none` and those with a shared secret never are.
	Algorithms []string `yaml:"algorithms" default:"[RS256, ES256, EdDSA]"`
	// The claim that holds the caller's groups or roles: a string or a list of strings.
	RolesClaim string `yaml:"rolesClaim" default:"roles"`
	// Which roles each value of that claim gives. A value that is not named gives none.
	Roles map[string][]identity.Role `yaml:"roles"`
	// Claims that must be there with exactly this value, such as the tenant at an issuer of many.
	Require map[string]string `yaml:"require"`
	// Certificates in PEM of the authorities that sign the issuer's own; empty takes the system's.
	CAFile Path `yaml:"caFile"`
	// How often the issuer's keys are fetched anew. A key that the issuer took back is refused from then on.
	KeysEvery time.Duration `yaml:"keysEvery" default:"5m"`
}

// A Rate bounds calls by their weight: 1 for a reading call, more for those that cost more (docs/authorization.md).
type Rate struct {
	// Weight in a second, over a longer time.
	PerSecond float64 `yaml:"perSecond" default:"100"`
	// Weight at once.
	Burst int `yaml:"burst" default:"1000"`
}

// Telemetry is what the process tells its operator. None of it names a patient, a caller's address or a request.
type Telemetry struct {
	// Least level that is logged: `debug`, `info`, `warn` or `error`.
	LogLevel Level `yaml:"logLevel" default:"info"`
	// How log lines are written: `json` or `text`.
	LogFormat Format `yaml:"logFormat" default:"json"`
	// Traces, off unless an endpoint is named.
	Traces Traces `yaml:"traces"`
}

// A Level is a level of the log.
type Level string

// A Format is a form of log lines.
type Format string

// Traces go to an OpenTelemetry collector. A trace holds the method, the code and the times of a call, and nothing of its content or of who called.
type Traces struct {
	// Address `host:port` of a collector that takes OTLP over gRPC; empty sends none.
	Endpoint string `yaml:"endpoint"`
	// Share of the calls that are traced, from 0 to 1.
	Ratio float64 `yaml:"ratio" default:"0.01"`
	// Plaintext to the collector, on loopback only.
	Plaintext bool `yaml:"plaintext"`
	// Certificates in PEM of the authorities that sign the collector's; empty takes the system's.
	CAFile Path `yaml:"caFile"`
}

// Limits are bounds of the whole process.
type Limits struct {
	// Open connections of each listener. When all places are taken, the one that has been idle for longest is closed for a new one.
	MaxConnections int `yaml:"maxConnections" default:"512"`
	// How long the process goes on serving after it said that it is not ready any more, for those who send it calls to notice.
	Linger time.Duration `yaml:"linger" default:"0s"`
	// How long calls under way may go on after the process was told to stop.
	Drain time.Duration `yaml:"drain" default:"20s"`
	// Memory in MiB above which the runtime collects garbage eagerly (GOMEMLIMIT); 0 leaves it to the environment. Set it to nine tenths of what the machine or the unit allows.
	MemoryMiB int `yaml:"memoryMiB" default:"0"`
}
