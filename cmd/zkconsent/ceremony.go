package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover/setup"
	"github.com/zkconsent/zkconsent/prover/setup/ceremony"
)

// contributorFile holds a contributor's Ed25519 key in its folder, as PKCS #8.
const contributorFile = "contributor.pem"

func (a *app) ceremonyVerb() *cobra.Command {
	c := &cobra.Command{
		Use:   "ceremony",
		Short: "Make the circuits' keys together, so that no single party has to be believed",
		Long: `A ceremony is a folder of files that contributors pass on: each takes it, verifies
it, mixes something secret in, forgets it, and hands it on. One who forgot is enough.
It has two phases, each closed with a public beacon: powers that serve every circuit,
and the keys of each circuit. Anybody verifies the folder offline.`,
	}
	c.AddCommand(a.ceremonyKeyVerb(), a.ceremonyInitVerb(), a.ceremonyContributeVerb(), a.ceremonySealVerb(),
		a.ceremonyStatusVerb(), a.ceremonyVerifyVerb(), a.ceremonyKeysVerb())
	return c
}

func (a *app) ceremonyKeyVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "key",
		Short: "Make this contributor's key, or show its public part",
		RunE: func(*cobra.Command, []string) error {
			key, err := a.contributorKey()
			if errors.Is(err, fs.ErrNotExist) {
				key, err = a.newKey(contributorFile)
			}
			if err != nil {
				return err
			}
			pub := hex.EncodeToString(key.Public().(ed25519.PublicKey))
			return a.emit(map[string]string{"key": pub}, func(w io.Writer) { fmt.Fprintf(w, "key %s\n", pub) })
		},
	}
}

// apart refuses a ceremony's folder in which this party's lies: the contributor's
// key would be handed on with it, and the next one could sign in its name.
func (a *app) apart(folder string) error {
	rel, err := filepath.Rel(resolved(folder), resolved(a.home))
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return misuse("the ceremony's folder %s goes to others, and this party's own, %s, lies in it; name another for one of them (--home)", folder, a.home)
	}
	return nil
}

// resolved is a path without symbolic links as far as it exists.
func resolved(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func (a *app) contributorKey() (ed25519.PrivateKey, error) {
	return a.readKey(contributorFile, "zkconsent ceremony key")
}

func (a *app) ceremonyInitVerb() *cobra.Command {
	var names, allowed []string
	var universal bool
	o := ceremony.Options{}
	c := &cobra.Command{
		Use:   "init FOLDER",
		Short: "Begin a ceremony",
		Long: `Begin a ceremony for circuits, all of Groth16's if none is named. Circuits of PLONK
that are named get keys from the first phase alone, which then has as many powers as
they need; with --universal there is no circuit, and the powers are the result. A file of powers that
snarkjs wrote can stand for the first phase: its points are checked here, but that
nobody knows the secret behind them is its own ceremony's word. Verify it with
snarkjs or compare its SHA-256 with a published one; this ceremony pins it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if universal && (o.Power == 0 || len(names) > 0) {
				return misuse("--universal goes with --power, and with no --circuit")
			}
			var err error
			if o.Circuits, err = ceremonyCircuits(names, universal); err != nil {
				return err
			}
			for _, digits := range allowed {
				k, err := parseKey(digits)
				if err != nil {
					return misuse("--allow: %w", err)
				}
				o.Allowed = append(o.Allowed, k)
			}
			if err := a.apart(args[0]); err != nil {
				return err
			}
			d, err := ceremony.In(args[0]).Begin(c.Context(), o)
			if err != nil {
				return err
			}
			v := map[string]any{"ceremony": d.Digest().String(), "circuits": len(d.Circuits), "power": d.Power, "contributors": d.Contributors}
			if !d.Fresh() {
				v["ptau"] = d.Ptau.String()
			}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "ceremony %s\n%d circuits, powers for 2^%d, at least %d contributors to a phase\n", d.Digest(), len(d.Circuits), d.Power, d.Contributors)
				if !d.Fresh() {
					fmt.Fprintf(w, "the first phase is the file of SHA-256 %s\n", d.Ptau)
				}
				fmt.Fprintf(w, "next: zkconsent ceremony contribute %s --name NAME\n", args[0])
			})
		},
	}
	f := c.Flags()
	f.StringArrayVar(&names, "circuit", nil, "only this circuit, such as claim/normal/groth16; may be repeated")
	f.BoolVar(&universal, "universal", false, "no circuit: the first phase alone")
	f.IntVar(&o.Power, "power", 0, "make powers for 2^N; default: what the circuits need")
	f.StringVar(&o.Ptau, "ptau", "", "`file` of powers in snarkjs's form that stands for the first phase")
	f.IntVar(&o.Contributors, "contributors", ceremony.DefaultContributors, "how many distinct contributors each phase needs")
	f.StringArrayVar(&allowed, "allow", nil, "public `key` of one who may contribute, from: zkconsent ceremony key; may be repeated; default: everybody")
	return c
}

// ceremonyCircuits are those that were named, or all of Groth16.
func ceremonyCircuits(names []string, universal bool) (ids []consent.CircuitID, err error) {
	for _, n := range names {
		id := consent.CircuitID(n)
		if !id.Known() {
			return nil, misuse("--circuit %s: unknown; there are %v", n, consent.Circuits())
		}
		ids = append(ids, id)
	}
	if len(names) > 0 || universal {
		return ids, nil
	}
	return consent.CircuitsOf(consent.Groth16), nil
}

// ceremonyBar shows a ceremony's progress.
func (a *app) ceremonyBar() (show func(ceremony.Progress), end func()) {
	b := newBar(a.stderr, a.json)
	return func(p ceremony.Progress) { b.show(float64(p.Done)/float64(p.Total), p.Doing) }, b.end
}

func (a *app) ceremonyContributeVerb() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "contribute FOLDER --name NAME",
		Short: "Verify a ceremony and add this party's contribution to the phase that is open",
		Long: `Verify a ceremony and add this party's contribution to the phase that is open, signed
with the key in this folder (zkconsent ceremony key). Hand the folder on afterwards,
and keep the contribution's digest: it must be in the transcript in the end.

What is mixed in is drawn from the system's random generator and kept nowhere, but it
may remain in the memory of this process until it ends, and in swap: contribute on a
machine without swap, and turn it off afterwards.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.apart(args[0]); err != nil {
				return err
			}
			key, err := a.contributorKey()
			if err != nil {
				return err
			}
			show, end := a.ceremonyBar()
			made, err := ceremony.In(args[0]).Contribute(c.Context(), ceremony.Contributor{Key: key, Name: name}, show)
			end()
			if err != nil {
				return err
			}
			v := map[string]any{"phase": made.Phase, "number": made.Number, "contribution": made.Digest().String()}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "contribution %d to phase %d\nkeep its digest: %s\n", made.Number, made.Phase, made.Digest())
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "name that everybody sees")
	required(c, "name")
	return c
}

func (a *app) ceremonySealVerb() *cobra.Command {
	var digits, source string
	c := &cobra.Command{
		Use:   "seal FOLDER --beacon HEX",
		Short: "Verify a ceremony and close the phase that is open with a public beacon",
		Long: `Verify a ceremony and close the phase that is open with a beacon: a value of 32 to 64
bytes from a public source, announced before and known only after the last
contribution, such as a round of drand or a block of a large chain.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			beacon, err := hex.DecodeString(digits)
			if err != nil || len(beacon) < ceremony.MinBeacon || len(beacon) > ceremony.MaxBeacon {
				return misuse("--beacon: %d to %d bytes in hexadecimal are wanted", ceremony.MinBeacon, ceremony.MaxBeacon)
			}
			show, end := a.ceremonyBar()
			s, err := ceremony.In(args[0]).Seal(c.Context(), beacon, source, show)
			end()
			if err != nil {
				return err
			}
			v := map[string]any{"phase": s.Phase, "contributions": s.Count, "seal": s.Digest().String()}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "phase %d is sealed after %d contributions: %s\n", s.Phase, s.Count, s.Digest())
			})
		},
	}
	c.Flags().StringVar(&digits, "beacon", "", "the beacon in hexadecimal")
	c.Flags().StringVar(&source, "beacon-source", "", "where anybody can look the beacon up")
	required(c, "beacon")
	return c
}

func (a *app) ceremonyStatusVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "status FOLDER",
		Short: "Show who contributed; check signatures and order, but no points",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := ceremony.In(args[0]).Status(c.Context())
			if err != nil {
				return judged(err)
			}
			return a.emitTranscript(t, false)
		},
	}
}

func (a *app) ceremonyVerifyVerb() *cobra.Command {
	var file string
	var unfinished, others bool
	c := &cobra.Command{
		Use:   "verify FOLDER",
		Short: "Verify a ceremony from its files and this program's circuits alone",
		Long: `Verify every contribution of a ceremony, from its files and the circuits that this
program compiles, and show who contributed and which keys follow. The ceremony must
be complete; --unfinished takes one that is not. With --manifest the keys must be
those of that manifest, all of them; --others lets it have keys of other circuits,
which nothing is said about.

Exit status 0 means that the ceremony is verified, 3 that it is refused, 1 that
something kept this program from deciding.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show, end := a.ceremonyBar()
			t, err := ceremony.In(args[0]).Verify(c.Context(), show)
			end()
			if err != nil {
				return judged(err)
			}
			if !unfinished {
				if err := t.Complete(); err != nil {
					return judged(err)
				}
			}
			if file != "" {
				m, err := manifest.Load(file)
				if err != nil {
					return err
				}
				if others {
					m = only(m, t.Circuits)
				}
				if err := t.Compare(m); err != nil {
					return judged(err)
				}
			}
			return a.emitTranscript(t, true)
		},
	}
	c.Flags().StringVar(&file, "manifest", "", "`file` of the keys that must follow from the ceremony")
	c.Flags().BoolVar(&unfinished, "unfinished", false, "a phase may be open")
	c.Flags().BoolVar(&others, "others", false, "the manifest may have keys of circuits that the ceremony is not about")
	return c
}

// judged gives the verdict that a ceremony is refused its exit status. A folder
// that holds none was not judged.
func judged(err error) error {
	var r *ceremony.Refusal
	if errors.As(err, &r) && !r.NoCeremony() {
		return &exit{exitDenied, err}
	}
	return err
}

// only is what a manifest says of these circuits.
func only(m *manifest.Manifest, circuits []ceremony.Circuit) *manifest.Manifest {
	out := &manifest.Manifest{}
	for _, c := range circuits {
		if e, err := m.Find(string(c.ID)); err == nil {
			out.Put(*e)
		}
	}
	return out
}

func (a *app) ceremonyKeysVerb() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "keys FOLDER --out KEYS",
		Short: "Verify a complete ceremony and write the keys that follow from it",
		Long: `Verify a complete ceremony and write the keys that follow from it, and their manifest,
into a folder for --keys. Everybody gets the same keys.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			show, end := a.ceremonyBar()
			t, err := ceremony.In(args[0]).Verify(c.Context(), show)
			end()
			if err != nil {
				return err
			}
			if err := t.Complete(); err != nil {
				return err
			}
			m, err := setup.Install(c.Context(), out, t.Keys)
			if err != nil {
				return err
			}
			return a.emitManifest(out, m, 0)
		},
	}
	c.Flags().StringVar(&out, "out", "", "`folder` for the keys")
	required(c, "out")
	return c
}
