package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/internal/durable"
	"github.com/zkconsent/zkconsent/internal/tlv"
	"github.com/zkconsent/zkconsent/registry"
)

// copied is a file of a copy of a home.
type copied struct {
	path   string // from the home, with slashes
	size   uint64
	digest [sha256.Size]byte
}

const (
	maxCopied     = 1 << 20
	maxCopiedList = 256 << 20
)

func encodeCopied(files []copied) []byte {
	e := tlv.NewEncoder("home-copy")
	e.List(1, len(files), func(i int, e *tlv.Encoder) {
		e.String(1, files[i].path)
		e.Uint(2, files[i].size)
		e.Bytes(3, files[i].digest[:])
	})
	return e.Encoded()
}

// decodeCopied reads the list of a copy: paths within it, ascending.
func decodeCopied(b []byte) (out []copied, err error) {
	d := tlv.NewDecoder("home-copy", b, maxCopiedList)
	d.List(1, "files", maxCopied, func(_ int, d *tlv.Decoder) {
		f := copied{path: d.String(1, "path", 1<<10), size: d.Uint(2, "size", 1<<62)}
		copy(f.digest[:], d.Bytes(3, "digest", sha256.Size, sha256.Size))
		if d.Err() == nil && (!fs.ValidPath(f.path) || len(out) > 0 && out[len(out)-1].path >= f.path) {
			d.Fail("path", "not one within the home, or not in order")
		}
		out = append(out, f)
	})
	return out, d.Done()
}

func copyList(dir string) string { return filepath.Join(dir, "copy") }

// CopyHome copies the home of a stopped node into a new folder, keys and the
// record of what the validator signed included, with the SHA-256 of every file.
// It checks the home first ([Check]) and keeps a node from starting meanwhile.
//
// The copy is secret: who has it signs as this validator. It serves a ledger of
// one validator, for which [Node.Backup] does not. Put back ([PutBack]) while
// the original still runs anywhere, or when the original has signed since, it
// signs heights a second time: the validator loses its power, and clients that
// saw the other blocks refuse the new ones.
func CopyHome(ctx context.Context, home Home, to string, progress registry.Progress) (err error) {
	if _, err := Check(ctx, home, progress); err != nil {
		return err
	}
	s, err := registry.Open(home.StateDir(), &registry.Options{ReadOnly: true}) // for its lock
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("ledger: copy: %w", err)
	}
	var files []copied
	root := os.DirFS(string(home))
	if err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path == filepath.Base(string(home.Snapshots())):
			return fs.SkipDir // made anew
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, filepath.FromSlash(path)), 0o700)
		case !d.Type().IsRegular() || path == "copy":
			return nil
		}
		f, err := copyFile(ctx, string(home), to, path)
		files = append(files, f)
		if progress != nil {
			progress("copy", uint64(len(files)), 0)
		}
		return err
	}); err != nil {
		return fmt.Errorf("ledger: copy: %w", err)
	}
	return durable.ReplaceBytes(copyList(to), 0o600, encodeCopied(files)) // last: with it, the copy is whole
}

// PutBack makes a home of a copy, which may not be there yet, and finds a file
// that is missing or has changed by its digest ([ErrBackup]). Read the warning
// of [CopyHome] first.
func PutBack(ctx context.Context, from string, home Home, progress registry.Progress) (err error) {
	b, err := os.ReadFile(copyList(from))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	files, err := decodeCopied(b)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	if _, err := os.Stat(string(home)); err == nil {
		return ErrHomeInUse
	}
	// Beside its place until every file is right: a home is whole or not there.
	half := string(home) + ".half"
	if err := os.Mkdir(half, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(half)) }()
	for i, want := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(half, filepath.FromSlash(want.path))), 0o700); err != nil {
			return err
		}
		got, err := copyFile(ctx, from, half, want.path)
		if err == nil && got != want {
			err = fmt.Errorf("%s is not the file that was copied", want.path)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrBackup, err)
		}
		if progress != nil {
			progress("put back", uint64(i), uint64(len(files)))
		}
	}
	if err := os.Rename(half, string(home)); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(string(home)))
}

// copyFile copies a file, on the disk when it returns.
func copyFile(ctx context.Context, from, to, path string) (c copied, err error) {
	if err := ctx.Err(); err != nil {
		return c, err
	}
	c.path = path
	r, err := os.Open(filepath.Join(from, filepath.FromSlash(path)))
	if err != nil {
		return c, err
	}
	defer r.Close()
	w, err := os.OpenFile(filepath.Join(to, filepath.FromSlash(path)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return c, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), r)
	err = errors.Join(err, w.Sync(), w.Close())
	c.size = uint64(n)
	h.Sum(c.digest[:0])
	return c, err
}
