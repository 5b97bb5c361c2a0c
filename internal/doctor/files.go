package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// SecretFile checks that a file is there, is a file, and that nobody but its
// owner may read it.
func SecretFile(path string) func(context.Context) Result {
	return func(context.Context) Result {
		i, r, ok := stat(path)
		if !ok {
			return r
		}
		if !i.Mode().IsRegular() {
			return Bad(Fail, "name a file", "%s is no file", path)
		}
		if i.Mode().Perm()&0o077 != 0 {
			return Bad(Fail, "chmod 600 "+path+", and make the secret anew if others have an account here", "%s: others than its owner may read or write it (%s)", path, i.Mode().Perm())
		}
		if f, err := os.Open(path); err != nil {
			return Bad(Fail, "give the file to this program's user", "%s cannot be opened", path)
		} else {
			_ = f.Close()
		}
		return Good("%s, for its owner alone", path)
	}
}

// Folder checks that a folder is there and that others cannot write into it.
func Folder(path string) func(context.Context) Result {
	return func(context.Context) Result {
		i, r, ok := stat(path)
		if !ok {
			return r
		}
		if !i.IsDir() {
			return Bad(Fail, "name a folder", "%s is no folder", path)
		}
		if i.Mode().Perm()&0o022 != 0 {
			return Bad(Fail, "chmod go-w "+path, "%s: others may write into it (%s)", path, i.Mode().Perm())
		}
		return Good("%s", path)
	}
}

func stat(path string) (fs.FileInfo, Result, bool) {
	i, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, Bad(Fail, "make it, or correct the path", "%s is not there", path), false
	case err != nil:
		return nil, Bad(Fail, "let this program's user read the folders above it", "%s cannot be looked at", path), false
	}
	return i, Result{}, true
}

// Bounds of free space in bytes and as a share.
const (
	leastFree = 1 << 30
	fewFree   = 5 << 30
)

// Disk checks the free space of the volume that a path is on, or will be.
func Disk(path string) func(context.Context) Result {
	return func(context.Context) Result {
		for path != "" { // the nearest folder that is there
			if _, err := os.Stat(path); err == nil {
				break
			}
			up := filepath.Dir(path)
			if up == path {
				break
			}
			path = up
		}
		free, total, err := space(path)
		if err != nil {
			return Bad(Skipped, "", "the free space of %s is not known on this system", path)
		}
		found := fmt.Sprintf("%s: %.1f GiB of %.1f GiB are free", path, float64(free)/(1<<30), float64(total)/(1<<30))
		switch {
		case free < leastFree:
			return Result{Status: Fail, Found: found, Do: "free space or grow the volume: the process stops when it is full"}
		case free < fewFree:
			return Result{Status: Warn, Found: found, Do: "grow the volume, or bound the growth: docs/operations.md, Retention"}
		}
		return Result{Status: OK, Found: found}
	}
}
