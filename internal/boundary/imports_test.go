package boundary

import (
	"fmt"
	"path"
	"sort"
	"strings"
	"testing"
)

const (
	gnark    = "github.com/consensys/gnark"
	frontend = gnark + "/frontend"
	grpc     = "google.golang.org/grpc"
	cometbft = "github.com/cometbft"

	twistededwards = gnark + "-crypto/ecc/bn254/twistededwards"
)

// A rule says what the packages in and below some folders never reach,
// directly or through other packages of this module. Names without a dot in
// their first part are folders of this module.
type rule struct {
	of     []string
	except []string // folders below `of` with rules of their own
	never  []string
	but    []string // what is allowed below `never`
}

var rules = []rule{
	{
		of: []string{"consent"}, except: []string{"consent/wallet", "consent/issuer"},
		never: []string{"client", "circuits", "registry", "prover", "verifier", "api", grpc, gnark, cometbft},
	},
	{
		of:    []string{"consent/wallet", "consent/issuer"},
		never: []string{"client", "verifier", "registry/ledger", frontend, cometbft},
	},
	{
		// Who calls services needs neither a ledger nor a prover of its own.
		of:    []string{"client"},
		never: []string{"prover", "registry", "circuits", "consent/wallet", "consent/issuer", frontend, cometbft}, but: []string{"circuits/manifest"},
	},
	{
		of:    []string{"circuits"},
		never: []string{"registry", "prover", "verifier", "consent/wallet", "consent/fhir", grpc, cometbft},
	},
	{
		of:    []string{"circuits/manifest"},
		never: []string{gnark, "circuits"}, but: []string{"circuits/manifest"},
	},
	{
		// It is held against the circuits: what they share, it cannot see.
		of:    []string{"circuits/reference"},
		never: []string{gnark, "circuits", "consent", "internal/merkle", "internal/redsig", twistededwards}, but: []string{"circuits/reference"},
	},
	{
		// Its values redact nothing.
		of:     []string{"api", "circuits", "client", "cmd", "consent", "internal", "prover", "registry", "verifier"},
		except: []string{"circuits/reference"},
		never:  []string{"circuits/reference"},
	},
	{
		of:    []string{"registry"},
		never: []string{"client", "circuits", "prover", "verifier", "consent/wallet", "consent/fhir", gnark},
	},
	{
		of: []string{"registry"}, except: []string{"registry/ledger"},
		never: []string{cometbft, grpc},
	},
	{
		of:    []string{"prover"},
		never: []string{"client", "verifier", "registry", "consent/wallet", grpc, cometbft},
	},
	{
		// It sees a patient's records: it knows no verifier and no ledger to tell.
		of:    []string{"internal/proving"},
		never: []string{"verifier", "registry", "consent/wallet", "consent/issuer", cometbft},
	},
	{
		of:    []string{"verifier"},
		never: []string{"client", "prover", "registry", "circuits", "consent/wallet", frontend, cometbft}, but: []string{"circuits/manifest"},
	},
	{
		// It decides by what a verifier verified, and proves or orders nothing.
		of:    []string{"internal/verifying"},
		never: []string{"prover", "circuits", "consent/wallet", "consent/issuer", "registry/ledger", frontend}, but: []string{"circuits/manifest", "registry/ledger/light"},
	},
	{
		of:    []string{"internal/field", "internal/tlv", "internal/poseidon", "internal/merkle", "internal/redsig", "internal/signed", "internal/armor"},
		never: []string{"api", "circuits", "consent", "prover", "registry", "verifier", gnark, grpc, cometbft},
	},
	{
		// What a process is told, and what it tells, stand below what it does.
		of:    []string{"internal/config", "internal/telemetry"},
		never: []string{"circuits", "prover", "registry", "verifier", "consent/wallet", frontend, cometbft}, but: []string{"registry/ledger/member"},
	},
	{
		// They serve whatever they are given, and know nothing of it.
		of:    []string{"internal/identity", "internal/refusal", "internal/server"},
		never: []string{"api", "circuits", "consent", "prover", "registry", "verifier", gnark, cometbft},
	},
	{
		// Whoever runs a verifier chooses where it keeps what it kept.
		of:     []string{"circuits", "client", "consent", "internal", "prover", "registry", "verifier"},
		except: []string{"verifier/store"},
		never:  []string{"verifier/store", "github.com/jackc", "github.com/pressly"},
	},
	{
		of: []string{"verifier/store"}, except: []string{"verifier/store/postgres"},
		never: []string{"github.com/jackc"},
	},
	{
		of:    []string{"api", "circuits", "client", "consent", "internal", "prover", "registry", "verifier"},
		never: []string{"cmd", "benchmarks"},
	},
}

// under tells whether p is folder or below it.
func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func underAny(p string, folders []string) bool {
	for _, f := range folders {
		if under(p, f) {
			return true
		}
	}
	return false
}

// helper tells whether a folder holds a package of test helpers, such as
// circuittest: it may import testing, and only tests may import it.
func helper(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") }

// local shortens an import path of this module to its folder.
func local(p string) string { return strings.TrimPrefix(p, module+"/") }

// edges are the imports of each folder's files outside tests, with the file
// that has them.
func edges(files []file) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, f := range files {
		if f.test || helper(f.dir()) {
			continue
		}
		if out[f.dir()] == nil {
			out[f.dir()] = map[string]string{}
		}
		for _, p := range f.imports() {
			out[f.dir()][local(p)] = f.name
		}
	}
	return out
}

// violations applies the rules along all paths through this module.
func violations(files []file, rules []rule) (faults []string) {
	graph := edges(files)
	for dir := range graph {
		for _, r := range rules {
			if !underAny(dir, r.of) || underAny(dir, r.except) {
				continue
			}
			seen := map[string]bool{dir: true}
			for queue := []string{dir}; len(queue) > 0; queue = queue[1:] {
				for p, by := range graph[queue[0]] {
					if underAny(p, r.never) && !underAny(p, r.but) {
						faults = append(faults, fmt.Sprintf("%s must not reach %s, which %s imports", dir, p, by))
					}
					if _, ours := graph[p]; ours && !seen[p] {
						seen[p] = true
						queue = append(queue, p)
					}
				}
			}
		}
	}
	for _, f := range files {
		for _, p := range f.imports() {
			switch {
			case p == "testing" && !f.test && !helper(f.dir()):
				faults = append(faults, f.name+" imports testing outside a test")
			case strings.HasPrefix(p, module+"/") && helper(p) && !f.test && !helper(f.dir()):
				faults = append(faults, fmt.Sprintf("%s imports the test helpers %s", f.name, local(p)))
			case f.test && under(local(p), "cmd") && !under(f.dir(), "cmd"):
				faults = append(faults, fmt.Sprintf("%s imports %s", f.name, local(p)))
			}
		}
	}
	sort.Strings(faults)
	return faults
}

func TestPackagesKeepTheirBoundaries(t *testing.T) {
	for _, fault := range violations(load(t), rules) {
		t.Error(fault)
	}
}

func TestBoundariesAreSeen(t *testing.T) {
	imports := func(name string, paths ...string) file {
		source := "package p\n"
		for _, p := range paths {
			source += fmt.Sprintf("import _ %q\n", p)
		}
		return parse(t, name, source)
	}
	for name, c := range map[string]struct {
		files []file
		want  int
	}{
		"nothing wrong":                 {[]file{imports("consent/a.go", "fmt", gnark+"-crypto/ecc", module+"/internal/field")}, 0},
		"consent on gnark":              {[]file{imports("consent/a.go", frontend)}, 1},
		"consent on gnark in a test":    {[]file{imports("consent/a_test.go", frontend)}, 0},
		"through another package":       {[]file{imports("consent/a.go", module+"/internal/x"), imports("internal/x/x.go", grpc+"/codes")}, 1},
		"reference on a gadget":         {[]file{imports("circuits/reference/a.go", module+"/circuits/gadget/rekey")}, 1},
		"reference on the curve":        {[]file{imports("circuits/reference/a.go", twistededwards)}, 1},
		"reference on records":          {[]file{imports("circuits/reference/a.go", module+"/internal/x"), imports("internal/x/x.go", module+"/consent")}, 1},
		"reference on the hash":         {[]file{imports("circuits/reference/a.go", module+"/internal/poseidon", gnark+"-crypto/ecc/bn254/fr")}, 0},
		"product on the reference":      {[]file{imports("prover/a.go", module+"/circuits/reference")}, 1},
		"a prefix is not a folder":      {[]file{imports("consent/a.go", module+"/registryless")}, 0},
		"verifier on the manifest":      {[]file{imports("verifier/a.go", module+"/circuits/manifest")}, 0},
		"verifier on a circuit":         {[]file{imports("verifier/audit/a.go", module+"/circuits/gadget/rekey")}, 1},
		"state on cometbft":             {[]file{imports("registry/a.go", cometbft+"/cometbft/types")}, 1},
		"ledger on cometbft":            {[]file{imports("registry/ledger/a.go", cometbft+"/cometbft/types")}, 0},
		"wallet on the client":          {[]file{imports("consent/wallet/a.go", module+"/client")}, 1},
		"client on the ledger":          {[]file{imports("client/a.go", module+"/registry/ledger/wire")}, 1},
		"wallet on verifier":            {[]file{imports("consent/wallet/a.go", module+"/verifier")}, 1},
		"verifier on a database":        {[]file{imports("verifier/a.go", module+"/verifier/store")}, 1},
		"a file on another database":    {[]file{imports("verifier/store/a.go", "github.com/jackc/pgx/v5")}, 1},
		"prover on a command":           {[]file{imports("prover/a.go", module+"/cmd/zkconsent")}, 1},
		"testing in the product":        {[]file{imports("prover/a.go", "testing")}, 1},
		"testing in helpers":            {[]file{imports("circuits/circuittest/a.go", "testing")}, 0},
		"helpers in the product":        {[]file{imports("circuits/a.go", module+"/circuits/circuittest")}, 1},
		"registry on the wallet's side": {[]file{imports("registry/a.go", module+"/consent/wallet")}, 1},
	} {
		if got := violations(c.files, rules); len(got) != c.want {
			t.Errorf("%s: %q, want %d", name, got, c.want)
		}
	}
}
