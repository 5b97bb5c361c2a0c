package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/syndtr/goleveldb/leveldb/util"
	"github.com/zkconsent/zkconsent/registry"
)

// CometBFT's databases are LevelDB's. Opened as CometBFT opens them, they drop
// a damaged entry of a journal or manifest in silence, with all that follows in
// its block, because they take it for one that a crash has cut off. The two are
// told apart here, before anything is opened for writing: what a crash cuts off
// ends where the file ends.

// databases are CometBFT's, under data/.
var databases = [...]string{"blockstore.db", "state.db", "evidence.db"}

const (
	journalBlock  = 32 << 10
	journalHeader = 7 // checksum 4, length 2, type 1

	chunkFull, chunkFirst, chunkMiddle, chunkLast = 1, 2, 3, 4
)

var manifestName = regexp.MustCompile(`^MANIFEST-[0-9]{6,}\n$`)

// damaged reports damage of a home outside the registry's state.
func damaged(where, format string, args ...any) error {
	return &registry.DamageError{Where: where, Reason: fmt.Sprintf(format, args...)}
}

// journals reads the journals and manifests of a stopped home's databases, a
// few megabytes, and tells which of them end in an entry that was cut off.
func (h Home) journals() (torn []string, err error) {
	for _, name := range databases {
		dir := h.join("data", name)
		current, err := os.ReadFile(filepath.Join(dir, "CURRENT"))
		if errors.Is(err, os.ErrNotExist) {
			continue // not made yet, or not quite; what opens it knows what to do
		}
		if err != nil {
			return nil, err
		}
		if !manifestName.Match(current) {
			return nil, damaged(h.name(dir, "CURRENT"), "it names no manifest")
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.log"))
		if err != nil {
			return nil, err
		}
		for _, file := range append(files, filepath.Join(dir, string(bytes.TrimSpace(current)))) {
			b, err := os.ReadFile(file)
			if err != nil {
				return nil, damaged(h.name(file), "%v", err)
			}
			cut, err := readJournal(b)
			if err != nil {
				return nil, damaged(h.name(file), "%v", err)
			}
			if cut {
				torn = append(torn, h.name(file))
			}
		}
	}
	return torn, nil
}

// name is a file's path within the home.
func (h Home) name(parts ...string) string {
	p := filepath.Join(parts...)
	if r, err := filepath.Rel(string(h), p); err == nil {
		return r
	}
	return p
}

// readJournal checks each chunk of a journal and reports whether its last one
// is cut off.
func readJournal(b []byte) (torn bool, err error) {
	within := false // between the first and the last chunk of an entry
	for at := 0; at < len(b); {
		room := journalBlock - at%journalBlock
		if room < journalHeader { // too little for a chunk: the writer fills it with zeros
			end := min(at+room, len(b))
			if !zeros(b[at:end]) {
				return false, fmt.Errorf("byte %d: not the zeros that fill a block", at)
			}
			at = end
			continue
		}
		rest := b[at:]
		if zeros(rest) || len(rest) < journalHeader {
			return true, nil // a length that reached the disk before the bytes did, or part of a header
		}
		n, kind := int(binary.LittleEndian.Uint16(rest[4:])), rest[6]
		if journalHeader+n > min(room, len(rest)) {
			if journalHeader+n > room || mislaid(rest, min(room, len(rest))) {
				return false, fmt.Errorf("byte %d: an entry has a damaged length", at)
			}
			return true, nil
		}
		if !sound(rest, n) {
			return false, fmt.Errorf("byte %d: an entry does not match its checksum", at)
		}
		if starts := kind == chunkFull || kind == chunkFirst; starts == within || kind < chunkFull || kind > chunkLast {
			return false, fmt.Errorf("byte %d: part of an entry is missing", at)
		}
		within = kind == chunkFirst || kind == chunkMiddle
		at += journalHeader + n
	}
	return within, nil
}

// sound holds a chunk against its checksum.
func sound(chunk []byte, n int) bool {
	return binary.LittleEndian.Uint32(chunk) == util.NewCRC(chunk[6:journalHeader+n]).Value()
}

// mislaid tells whether the chunk would be whole with another length: then the
// length is damaged, and no crash has cut the chunk off.
func mislaid(chunk []byte, room int) bool {
	n := int(binary.LittleEndian.Uint16(chunk[4:]))
	for bit := 1; bit < 1<<16; bit <<= 1 {
		if m := n ^ bit; journalHeader+m <= room && sound(chunk, m) {
			return true
		}
	}
	return false
}

func zeros(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
