package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/cometbft/cometbft/consensus"
)

// walHeader is the length of what stands before each message of consensus's
// own log: CRC-32C of the message, and its length.
const walHeader = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// consensusLog reads consensus's log, in which a validator finds what it was
// about when it was stopped. The log is never needed for a block that is in the
// block store, so Start leaves its damage to CometBFT, which cuts the log off
// there and keeps a copy; what the validator may sign again stands in its key's
// state, not here.
func (h Home) consensusLog(ctx context.Context) (torn []string, err error) {
	head := h.join("data", "cs.wal", "wal")
	// Older parts are named wal.000, wal.001 and so on; wal.CORRUPTED is what
	// CometBFT has set aside.
	parts, err := filepath.Glob(head + ".[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, file := range append(parts, head) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		cut, err := readLog(b)
		if err == nil && cut && file != head {
			err = errors.New("it ends within a message, and is not the newest part")
		}
		if err != nil {
			return nil, damaged(h.name(file), "%v; blocks do not need this log: it may be moved away while the node is stopped", err)
		}
		if cut {
			torn = append(torn, h.name(file))
		}
	}
	return torn, nil
}

// readLog decodes each message and reports whether the last one is cut off.
func readLog(b []byte) (torn bool, err error) {
	for at := 0; at < len(b); {
		rest := b[at:]
		if len(rest) < walHeader || zeros(rest) {
			return true, nil
		}
		n := uint64(binary.BigEndian.Uint32(rest[4:]))
		if walHeader+n > uint64(len(rest)) {
			for bit := uint64(1); bit < 1<<32; bit <<= 1 {
				m := n ^ bit
				if walHeader+m <= uint64(len(rest)) && crc32.Checksum(rest[walHeader:walHeader+m], castagnoli) == binary.BigEndian.Uint32(rest) {
					return false, fmt.Errorf("byte %d: a message has a damaged length", at)
				}
			}
			return true, nil
		}
		if _, err := consensus.NewWALDecoder(bytes.NewReader(rest[:walHeader+n])).Decode(); err != nil && err != io.EOF {
			return false, fmt.Errorf("byte %d: %v", at, err)
		}
		at += int(walHeader + n)
	}
	return false, nil
}
