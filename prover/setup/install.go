package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/circuits/manifest"
)

// Keys are one circuit's keys from a ceremony.
type Keys struct {
	Entry              manifest.Entry // without the keys' digests
	Proving, Verifying func(io.Writer) (int64, error)
}

// An OtherKeysError reports a folder that has other keys of a circuit.
type OtherKeysError struct{ Folder, Circuit string }

func (e *OtherKeysError) Error() string {
	return fmt.Sprintf("setup: %s has other keys of %s; nothing was written: name an empty folder", e.Folder, e.Circuit)
}

// Install writes keys from a ceremony into dir, as [Dev] writes its own, and
// returns the manifest of everything in dir. It never replaces keys: where dir
// has others of the circuit it is an *[OtherKeysError].
func Install(ctx context.Context, dir string, keys []Keys) (*manifest.Manifest, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	unlock, err := Lock(ctx, filepath.Join(dir, "setup.lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	path := filepath.Join(dir, manifest.FileName)
	m, err := manifest.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		m, err = &manifest.Manifest{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("setup: %s is damaged; name another folder: %w", path, err)
	}
	for i := range keys {
		e := &keys[i].Entry
		if e.ProvingKey, e.VerifyingKey, err = Digests(keys[i]); err != nil {
			return nil, fmt.Errorf("setup: %s: %w", e.Circuit, err)
		}
		if old, err := m.Find(e.Circuit); err == nil && *old != *e {
			return nil, &OtherKeysError{dir, e.Circuit}
		}
	}
	for _, k := range keys {
		if err := writeKeys(dir, &k.Entry, k.Proving, k.Verifying); err != nil {
			return nil, fmt.Errorf("setup: %s: %w", k.Entry.Circuit, err)
		}
		m.Put(k.Entry)
	}
	if _, err := writeBytes(path, m.EncodeJSON()); err != nil {
		return nil, fmt.Errorf("setup: %w", err)
	}
	return m, nil
}

// Digests are those of the files that [Install] would write.
func Digests(k Keys) (proving, verifying manifest.Digest, err error) {
	if proving, err = digestOf(k.Proving); err != nil {
		return proving, verifying, err
	}
	verifying, err = digestOf(k.Verifying)
	return proving, verifying, err
}
