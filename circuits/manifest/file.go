package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// FileName is the name of a manifest's file among the keys.
const FileName = "manifest.json"

// MaxFile bounds the size of a manifest's file.
const MaxFile = 1 << 16

// FileVersion is the version of the file's form.
const FileVersion = 2

type entryJSON struct {
	Circuit      string `json:"circuit"`
	Constraints  uint64 `json:"constraints"`
	Public       uint64 `json:"public"`
	System       string `json:"system"`
	ProvingKey   string `json:"provingKey"`
	VerifyingKey string `json:"verifyingKey"`
	Development  bool   `json:"development"`
	Transcript   string `json:"transcript"`
	Internal     uint64 `json:"internal"`
	Excepted     uint64 `json:"excepted"`
}

type manifestJSON struct {
	Version int         `json:"version"`
	Entries []entryJSON `json:"entries"`
}

// EncodeJSON is the manifest's file.
func (m *Manifest) EncodeJSON() []byte {
	j := manifestJSON{Version: FileVersion, Entries: make([]entryJSON, len(m.Entries))}
	for i, e := range m.Entries {
		j.Entries[i] = entryJSON{
			e.Circuit, e.Constraints, e.Public,
			e.System.String(), e.ProvingKey.String(), e.VerifyingKey.String(), e.Development,
			e.Transcript.String(), e.Internal, e.Excepted,
		}
	}
	b, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		panic("manifest: " + err.Error()) // strings, integers and booleans have JSON forms
	}
	return append(b, '\n')
}

// DecodeJSON reads a manifest's file. Every manifest has one file, byte for
// byte: other spacing, order, digits or repeated names are refused.
func DecodeJSON(b []byte) (*Manifest, error) {
	if len(b) > MaxFile {
		return nil, &Error{"", fmt.Sprintf("%d bytes, at most %d are allowed", len(b), MaxFile)}
	}
	var j manifestJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, &Error{"", err.Error()}
	}
	if j.Version != FileVersion {
		return nil, &Error{"", fmt.Sprintf("version %d, this program reads version %d: its keys are of another version; move them away, or name another folder", j.Version, FileVersion)}
	}
	m := &Manifest{}
	for i, e := range j.Entries {
		if i > 0 && e.Circuit <= j.Entries[i-1].Circuit {
			return nil, &Error{e.Circuit, "not after the entry before it"}
		}
		entry := Entry{Circuit: e.Circuit, Constraints: e.Constraints, Public: e.Public, Development: e.Development, Internal: e.Internal, Excepted: e.Excepted}
		for _, f := range []struct {
			name string
			text string
			to   *Digest
		}{
			{"system", e.System, &entry.System}, {"provingKey", e.ProvingKey, &entry.ProvingKey},
			{"verifyingKey", e.VerifyingKey, &entry.VerifyingKey}, {"transcript", e.Transcript, &entry.Transcript},
		} {
			raw, err := hex.DecodeString(f.text)
			if err != nil || len(raw) != sha256.Size {
				return nil, &Error{e.Circuit, f.name + " is not 64 hexadecimal digits"}
			}
			copy(f.to[:], raw)
		}
		// The message's decoder knows the bounds of the rest.
		if _, err := Decode(entry.Encode()); err != nil {
			return nil, &Error{e.Circuit, err.Error()}
		}
		m.Entries = append(m.Entries, entry)
	}
	if !bytes.Equal(m.EncodeJSON(), b) {
		return nil, &Error{"", "not in canonical form"}
	}
	return m, nil
}

// Load reads a manifest's file from disk.
func Load(path string) (*Manifest, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if info.Size() > MaxFile {
		return nil, &Error{"", fmt.Sprintf("%s: %d bytes, at most %d are allowed", path, info.Size(), MaxFile)}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return DecodeJSON(b)
}
