package registry

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkTables verifies the checksum of every block of every table. Reading all
// keys does not reach the filters, and a damaged filter says of a claim that it
// is new. What the store drops meanwhile is passed over.
func checkTables(ctx context.Context, fsys vfs.FS, dir string, progress Progress) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for i, name := range names {
		if filepath.Ext(name) != ".sst" {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		progress("tables", uint64(i), uint64(len(names)))
		switch err := checkTable(ctx, fsys, fsys.PathJoin(dir, name)); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return damaged("table "+name, "%v", err)
		}
	}
	progress("tables", uint64(len(names)), uint64(len(names)))
	return nil
}

func checkTable(ctx context.Context, fsys vfs.FS, path string) error {
	f, err := fsys.Open(path)
	if err != nil {
		return err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r, err := sstable.NewReader(ctx, readable, sstable.ReaderOptions{})
	if err != nil {
		return err // which has closed the file
	}
	return errors.Join(r.ValidateBlockChecksums(), r.Close())
}
