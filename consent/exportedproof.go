package consent

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
	"github.com/zkconsent/zkconsent/internal/field"
)

// MaxExportedProof bounds an exported proof's file.
const MaxExportedProof = 1 << 14

// An ExportedProof is a proof with the public inputs that it is to prove, for
// an auditor who wants to check the mathematics with other programs too
// (docs/spec.md §10.5). Nothing in it says who asked, who signed, or whether
// the root was ever a ledger's: a record does.
type ExportedProof struct {
	Circuit  CircuitID
	Manifest [32]byte     // digest of the circuit's manifest entry
	Inputs   []fr.Element // in the order of Circuit.PublicInputNames
	Proof    Proof
}

// ExportedProofError reports bytes that are no exported proof.
type ExportedProofError struct{ Field, Reason string }

func (e *ExportedProofError) Error() string {
	return fmt.Sprintf("exported proof: %s: %s", e.Field, e.Reason)
}

type exportedProofJSON struct {
	Version  int                 `json:"version"`
	Circuit  string              `json:"circuit"`
	Manifest string              `json:"manifest"`
	Inputs   []exportedInputJSON `json:"publicInputs"`
	Proof    string              `json:"proof"`
}

type exportedInputJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// EncodeJSON is the proof's file. It refuses another number of public inputs,
// or another length of the proof, than the circuit has.
func (p *ExportedProof) EncodeJSON() ([]byte, error) {
	names := p.Circuit.PublicInputNames()
	if names == nil {
		return nil, &ExportedProofError{"circuit", fmt.Sprintf("%q is unknown", p.Circuit)}
	}
	if len(p.Inputs) != len(names) {
		return nil, &ExportedProofError{"publicInputs", fmt.Sprintf("%d, the circuit has %d", len(p.Inputs), len(names))}
	}
	if len(p.Proof) != p.Circuit.ProofSize() {
		return nil, &ExportedProofError{"proof", fmt.Sprintf("%d bytes, the circuit's have %d", len(p.Proof), p.Circuit.ProofSize())}
	}
	j := exportedProofJSON{
		Version: 1, Circuit: string(p.Circuit), Manifest: hex.EncodeToString(p.Manifest[:]), Proof: hex.EncodeToString([]byte(p.Proof)),
	}
	for i, name := range names {
		j.Inputs = append(j.Inputs, exportedInputJSON{name, field.Hex(p.Inputs[i])})
	}
	b, err := json.MarshalIndent(j, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

// DecodeExportedProof reads a proof's file. Each has one form, byte for byte:
// other spacing, order, digits, names, or a value at or above the modulus are
// refused. Whether it proves anything is for the verifying key to say.
func DecodeExportedProof(b []byte) (*ExportedProof, error) {
	if len(b) > MaxExportedProof {
		return nil, &ExportedProofError{"length", fmt.Sprintf("%d bytes, at most %d are allowed", len(b), MaxExportedProof)}
	}
	var j exportedProofJSON
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, &ExportedProofError{"json", err.Error()}
	}
	if j.Version != 1 {
		return nil, &ExportedProofError{"version", fmt.Sprintf("%d, this program reads version 1", j.Version)}
	}
	p := &ExportedProof{Circuit: CircuitID(j.Circuit)}
	names := p.Circuit.PublicInputNames()
	if names == nil {
		return nil, &ExportedProofError{"circuit", fmt.Sprintf("%q is unknown", j.Circuit)}
	}
	proof := make([]byte, p.Circuit.ProofSize())
	for _, f := range []struct {
		name, digits string
		to           []byte
	}{{"manifest", j.Manifest, p.Manifest[:]}, {"proof", j.Proof, proof}} {
		raw, err := hex.DecodeString(f.digits)
		if err != nil || len(raw) != len(f.to) {
			return nil, &ExportedProofError{f.name, fmt.Sprintf("not %d lower-case hexadecimal digits", 2*len(f.to))}
		}
		copy(f.to, raw)
	}
	p.Proof = Proof(proof)
	if len(j.Inputs) != len(names) {
		return nil, &ExportedProofError{"publicInputs", fmt.Sprintf("%d, the circuit has %d", len(j.Inputs), len(names))}
	}
	for i, in := range j.Inputs {
		if in.Name != names[i] {
			return nil, &ExportedProofError{"publicInputs", fmt.Sprintf("%q stands where %q belongs", in.Name, names[i])}
		}
		v, err := field.ParseHex(in.Value)
		if err != nil {
			return nil, &ExportedProofError{in.Name, err.Error()}
		}
		p.Inputs = append(p.Inputs, v)
	}
	again, err := p.EncodeJSON()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, &ExportedProofError{"json", "not in canonical form (two spaces, fields once each and in order, lower-case digits, one line feed at the end)"}
	}
	return p, nil
}
