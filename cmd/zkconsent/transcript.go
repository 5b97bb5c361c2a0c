package main

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/zkconsent/zkconsent/prover/setup/ceremony"
)

type phaseView struct {
	Phase         int                `json:"phase"`
	Distinct      int                `json:"distinctContributors"`
	Contributions []contributionView `json:"contributions"`
	Sealed        bool               `json:"sealed"`
	Beacon        string             `json:"beacon,omitempty"`
	BeaconSource  string             `json:"beaconSource,omitempty"`
}

type contributionView struct {
	Number int    `json:"number"`
	Name   string `json:"name"`
	Key    string `json:"key"`
	Digest string `json:"digest"`
}

type powersView struct {
	SHA256        string   `json:"sha256"`
	Contributions []string `json:"contributions,omitempty"` // as the file names them; not verified here
}

type transcriptView struct {
	Ceremony   string      `json:"ceremony"`
	Verified   bool        `json:"verified"` // false: signatures and order alone
	Complete   bool        `json:"complete"`
	Needed     int         `json:"contributorsNeeded"`
	Power      int         `json:"power"`
	Ptau       *powersView `json:"ptau,omitempty"`
	Phases     []phaseView `json:"phases"`
	Transcript string      `json:"transcript,omitempty"`
	Circuits   []keyView   `json:"circuits,omitempty"`
	Unchecked  []string    `json:"unchecked"` // what the verdict does not say
}

// unchecked is what no program can tell from a ceremony's folder.
func unchecked(t *ceremony.Transcript, verified bool) (list []string) {
	if !verified {
		list = append(list, "the points")
	}
	if !t.Fresh() {
		list = append(list, "that nobody knows the secret behind the file of powers, with which anything can be proved: compare its SHA-256 with a published one")
	}
	if t.First != nil || t.Second != nil {
		list = append(list, "who stands behind the contributors' keys, and that one of them forgot", "that the beacons were announced, and are what their sources say")
	} else {
		list = append(list, "that anybody contributed: nobody did here, what follows follows from that file alone")
	}
	return list
}

func viewTranscript(t *ceremony.Transcript, verified bool) transcriptView {
	v := transcriptView{
		Ceremony: t.Digest.String(), Verified: verified, Complete: t.Complete() == nil,
		Needed: t.Contributors, Power: t.Power, Phases: []phaseView{}, Unchecked: unchecked(t, verified),
	}
	if !t.Fresh() {
		v.Ptau = &powersView{SHA256: t.Ptau.String()}
		if t.File != nil {
			for _, c := range t.File.Contributions {
				v.Ptau.Contributions = append(v.Ptau.Contributions, c.Name)
			}
		}
	}
	for _, p := range []*ceremony.Phase{t.First, t.Second} {
		if p == nil {
			continue
		}
		pv := phaseView{Phase: p.Number, Distinct: p.Distinct(), Contributions: []contributionView{}, Sealed: p.Seal != nil}
		for _, c := range p.Contributions {
			pv.Contributions = append(pv.Contributions, contributionView{c.Number, c.Name, hex.EncodeToString(c.Key), c.Digest().String()})
		}
		if p.Seal != nil {
			pv.Beacon, pv.BeaconSource = hex.EncodeToString(p.Seal.Beacon), p.Seal.Source
		}
		v.Phases = append(v.Phases, pv)
	}
	if v.Complete {
		digest := t.KeysDigest()
		if t.Second == nil {
			digest = t.PowersDigest()
		}
		v.Transcript = digest.String()
	}
	for i := range t.Keys {
		v.Circuits = append(v.Circuits, viewEntry(&t.Keys[i].Entry))
	}
	return v
}

func (a *app) emitTranscript(t *ceremony.Transcript, verified bool) error {
	v := viewTranscript(t, verified)
	return a.emit(v, func(w io.Writer) {
		fmt.Fprintf(w, "ceremony %s\n", v.Ceremony)
		if v.Ptau != nil {
			fmt.Fprintf(w, "phase 1: a file of powers, SHA-256 %s\n", v.Ptau.SHA256)
			for i, name := range v.Ptau.Contributions {
				fmt.Fprintf(w, "  %2d %-28s as the file says; not verified here\n", i+1, fmt.Sprintf("%q", name))
			}
		}
		for _, p := range v.Phases {
			state := "open"
			if p.Sealed {
				state = "sealed"
			}
			fmt.Fprintf(w, "phase %d: %s, %d distinct contributors of at least %d\n", p.Phase, state, p.Distinct, v.Needed)
			for _, c := range p.Contributions {
				fmt.Fprintf(w, "  %2d %-28s key %s…  digest %s\n", c.Number, c.Name, c.Key[:16], c.Digest)
			}
			if p.Sealed {
				fmt.Fprintf(w, "  beacon %s  %s\n", p.Beacon, p.BeaconSource)
			}
		}
		for _, k := range v.Circuits {
			fmt.Fprintf(w, "%-28s manifest %s\n", k.Circuit, k.Digest)
		}
		if v.Transcript != "" {
			fmt.Fprintf(w, "transcript %s\n", v.Transcript)
		}
		switch {
		case !v.Verified:
			fmt.Fprintln(w, "signatures and order are right; the points were not looked at: zkconsent ceremony verify")
		case v.Complete:
			fmt.Fprintln(w, "verified and complete")
		default:
			fmt.Fprintln(w, "verified as far as it goes; a phase is open")
		}
		for _, u := range v.Unchecked {
			fmt.Fprintf(w, "not checked: %s\n", u)
		}
	})
}
