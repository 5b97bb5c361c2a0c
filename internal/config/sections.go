package config

import (
	"time"

	"github.com/zkconsent/zkconsent/consent"
)

// RegistrySection is the node of the ledger, with the meaning of the flags of `zkconsent node start`.
type RegistrySection struct {
	// Folder of the node, as `zkconsent node init` or `zkconsent node join` made it.
	Home Path `yaml:"home"`
	// Address `host:port` for other nodes, such as `0.0.0.0:26656`; empty means that none reaches this one.
	P2P string `yaml:"p2p"`
	// Other nodes as `id@host:port`, beside those in the file `peers` of the node's folder.
	Peers []string `yaml:"peers"`
	// Addresses of other members' gRPC, `host:port`, plaintext on loopback and TLS elsewhere, or `https://host:port`: a new node takes a snapshot instead of every block.
	Join []string `yaml:"join"`
	// Certificates in PEM of the authorities that vouch for `join`; empty takes the system's. Not needed on loopback, where they are read in plaintext.
	JoinCAFile Path `yaml:"joinCAFile"`
	// Blocks from one snapshot to the next, the same for all members; 0 means 1,000.
	SnapshotInterval uint64 `yaml:"snapshotInterval" default:"0"`
	// How many of the newest blocks are kept, beside those of which a validator may still be convicted; 0 keeps all.
	RetainBlocks uint64 `yaml:"retainBlocks" default:"0"`
}

// ProverSection is the prover's service: it sees what it proves, for as long as the proof takes, and can sign nothing. Give it a machine of its own.
type ProverSection struct {
	// Folder of the circuits' keys (`zkconsent keys`).
	Keys Path `yaml:"keys"`
	// The ledger's genesis file; with the role registry beside it, its node's is meant when none is named.
	Genesis Path `yaml:"genesis"`
	// Circuits that are proved, such as `claim/normal/groth16`; empty means all of Groth16 whose keys are there. Each takes memory for its key.
	Circuits []consent.CircuitID `yaml:"circuits"`
	// Proofs at the same time; 0 takes half of the processors, one at least, and no more than `memoryMiB` carries: a proof uses all processors for most of its time.
	Workers int `yaml:"workers" default:"0"`
	// Memory in MiB that the proofs under way may take together, keys aside: 32 for each of Groth16, 288 for each of PLONK.
	MemoryMiB int `yaml:"memoryMiB" default:"1024"`
	// Calls that may wait for a worker; more are refused at once with the time after which to call again. 0 means that none waits.
	Queue int `yaml:"queue" default:"32"`
	// Calls of one caller that may wait or be under way; 0 is a quarter of workers and queue together. A caller that speaks for many patients needs more.
	PerPrincipal int `yaml:"perPrincipal" default:"0"`
}

// VerifierSection is the verifier's service.
type VerifierSection struct {
	// Folder of the verifier: `genesis.zkc`, the key `authority.pem`, and `ledger/`, where its light client keeps what it verified.
	Home Path `yaml:"home"`
	// Folder of the circuits' keys; of these it reads the verifying keys and the manifest.
	Keys Path `yaml:"keys"`
	// Addresses of nodes of the ledger, `host:port`, plaintext on loopback and TLS elsewhere, or `https://host:port`; several are better than one: the answer of each is held against the genesis, and against the others'. With the role registry beside it, its own node is meant when none is named.
	Nodes []string `yaml:"nodes"`
	// Certificates in PEM of the authorities that vouch for the nodes; empty takes the system's. Neither a certificate nor a token of the verifier goes to a node.
	NodesCAFile Path `yaml:"nodesCAFile"`
	// How often the light client asks for the newest head.
	Follow time.Duration `yaml:"follow" default:"2s"`
	// Folder with the policies that requests are made from: one file `NAME.json` for each, and `NAME` is how a caller names it. SIGHUP reads it again.
	Policies Path `yaml:"policies"`
	// Where nullifiers, requests, verdicts and records are kept.
	Store Store `yaml:"store"`
	// Counts of a scope below this number are not told, so that nobody is counted out.
	SmallestCount int `yaml:"smallestCount" default:"10"`
	// How long a request can be answered.
	AnswerTime time.Duration `yaml:"answerTime" default:"15m"`
	// How often what is past its end is deleted; 0 never deletes.
	Purge time.Duration `yaml:"purge" default:"1h"`
}

// Store is where a verifier keeps what it must not forget. At most one of the two is named; neither means `verifier.db` in the verifier's folder.
type Store struct {
	// File of an SQLite database, for one process.
	SQLite Path `yaml:"sqlite"`
	// File that holds the data source name of a PostgreSQL database, for several replicas: `host=… user=… password=… dbname=… sslmode=verify-full`, on one line.
	DSNFile SecretFile `yaml:"dsnFile"`
}
