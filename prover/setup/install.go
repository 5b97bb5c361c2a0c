package setup

import (
	"context"
	"fmt"
	"io"

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
	m, path, unlock, err := openFolder(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
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
