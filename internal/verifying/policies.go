package verifying

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/zkconsent/zkconsent/verifier/policy"
)

// The bounds of a folder of policies.
const (
	maxPolicies = 256
	maxEntries  = 4096     // files of all kinds in the folder
	maxDocument = 64 << 10 // bytes
)

// policyName is a policy's name, as calls may name it.
var policyName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// A PolicyError says which file of a folder of policies is at fault; what in it
// is, a *policy.Error below it says.
type PolicyError struct {
	File string
	Err  error
}

func (e *PolicyError) Error() string { return fmt.Sprintf("policies: %s: %v", e.File, e.Err) }

// Unwrap is what is wrong with it.
func (e *PolicyError) Unwrap() error { return e.Err }

// Policies are the named policies of a folder. They may be read again while
// they are used.
type Policies struct {
	dir string
	all atomic.Pointer[map[string]*policy.Policy]
}

// OpenPolicies reads a folder: each name.json directly in it is the policy of
// that name, and names its lists by their paths below the folder. A schema in
// its JSON form lies in a folder below, since it is no policy. Errors are
// *PolicyError.
func OpenPolicies(dir string) (*Policies, error) {
	p := &Policies{dir: dir}
	if err := p.Reload(); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload reads the folder again. All of it becomes what requests are made from,
// or nothing: when one file is broken, the policies stay as they were.
func (p *Policies) Reload() error {
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return &PolicyError{p.dir, err}
	}
	defer root.Close()
	all, err := takePolicies(root.FS())
	if err != nil {
		return err
	}
	p.all.Store(&all)
	return nil
}

// Find returns a policy by its name; nil policies have none.
func (p *Policies) Find(name string) (*policy.Policy, bool) {
	if p == nil {
		return nil, false
	}
	found, ok := (*p.all.Load())[name]
	return found, ok
}

// Len is the number of policies.
func (p *Policies) Len() int { return len(*p.all.Load()) }

// takePolicies reads all policies of a folder.
func takePolicies(files fs.FS) (map[string]*policy.Policy, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, &PolicyError{".", err}
	}
	if len(entries) > maxEntries {
		return nil, &PolicyError{".", fmt.Errorf("%d files, at most %d are allowed", len(entries), maxEntries)}
	}
	all := map[string]*policy.Policy{}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".json")
		if !is || e.IsDir() {
			continue
		}
		if !policyName.MatchString(name) {
			return nil, &PolicyError{e.Name(), errors.New("a policy's name has lower-case letters, digits and hyphens, 63 at most, and does not begin with a hyphen")}
		}
		if len(all) == maxPolicies {
			return nil, &PolicyError{e.Name(), fmt.Errorf("more than %d policies", maxPolicies)}
		}
		text, err := plainFile(files, e.Name())
		if err != nil {
			return nil, &PolicyError{e.Name(), err}
		}
		if all[name], err = policy.Parse(text, files); err != nil {
			return nil, &PolicyError{e.Name(), err}
		}
	}
	return all, nil
}

// plainFile is the text of a policy, which policy.Parse reads.
func plainFile(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // a pipe would hold the reader up
		return nil, errors.New("not a plain file")
	}
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("more than the %d bytes that are allowed", maxDocument)
	}
	return text, err
}
