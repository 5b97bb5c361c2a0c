package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkTables verifies the checksum of every block of every table. Reading all
// keys does not reach the filters, and a damaged filter says of a claim that it
// is new. Files that are no part of the store, as a kill leaves half of one, are
// none of its tables, and what it drops meanwhile is passed over.
func checkTables(ctx context.Context, db *pebble.DB, fsys vfs.FS, dir string, progress Progress) error {
	levels, err := db.SSTables()
	if err != nil {
		return err
	}
	var names []string
	for _, level := range levels {
		for _, table := range level {
			names = append(names, fmt.Sprintf("%06d.sst", uint64(table.BackingSSTNum)))
		}
	}
	for i, name := range names {
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
