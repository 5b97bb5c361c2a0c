package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/circuits/manifest"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/prover/setup"
	"golang.org/x/term"
)

func (a *app) keysVerb() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Make or show the circuits' keys"}
	c.AddCommand(a.keysSetupVerb(), a.keysShowVerb())
	return c
}

func (a *app) keysSetupVerb() *cobra.Command {
	var names []string
	var scheme string
	c := &cobra.Command{
		Use:   "setup",
		Short: "Make development keys, once, into a cache",
		Long: `Make proving and verifying keys for the circuits. Keys that are there already and
whole are kept.

These are development keys: whoever made them can forge proofs. A ledger whose
members do not all trust one machine needs keys from a ceremony:
zkconsent ceremony. Only a ledger that was founded with --development-keys
takes these.`,
		RunE: func(c *cobra.Command, _ []string) error {
			ids, err := circuitsUnder(scheme)
			if err != nil {
				return err
			}
			if len(names) > 0 {
				ids = nil
				for _, n := range names {
					id := consent.CircuitID(n)
					if !id.Known() {
						return &exit{exitUsage, fmt.Errorf("--circuit %s: unknown; there are %v", n, consent.Circuits())}
					}
					ids = append(ids, id)
				}
			}
			start := time.Now()
			dir, m, err := a.makeKeys(c.Context(), ids)
			if err != nil {
				return err
			}
			return a.emitManifest(dir, m, time.Since(start))
		},
	}
	c.Flags().StringArrayVar(&names, "circuit", nil, "only this circuit, such as claim/normal/groth16; may be repeated")
	c.Flags().StringVar(&scheme, "scheme", string(consent.Groth16), "the circuits under this proof system: groth16, plonk or all")
	c.MarkFlagsMutuallyExclusive("circuit", "scheme")
	return c
}

// circuitsUnder lists the circuits of a scheme by its name, or all.
func circuitsUnder(scheme string) ([]consent.CircuitID, error) {
	if scheme == "all" {
		return consent.Circuits(), nil
	}
	s, err := schemeOf(scheme)
	return consent.CircuitsOf(s), err
}

// makeKeys makes the keys that are missing, with a progress bar.
func (a *app) makeKeys(ctx context.Context, ids []consent.CircuitID) (string, *manifest.Manifest, error) {
	dir, err := a.keysDir()
	if err != nil {
		return "", nil, err
	}
	bar := newBar(a.stderr, a.json)
	m, err := setup.Dev(ctx, dir, ids, func(p setup.Progress) {
		// Number is 0 while another process makes keys in the same folder.
		bar.show(float64(max(p.Number, 1)-1)/float64(p.Total), strings.TrimSpace(fmt.Sprintf("keys: %s %s", p.Stage, p.Circuit)))
	})
	bar.end()
	return dir, m, err
}

func (a *app) keysShowVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show the keys' manifest",
		RunE: func(*cobra.Command, []string) error {
			dir, m, err := a.manifest()
			if err != nil {
				return err
			}
			return a.emitManifest(dir, m, 0)
		},
	}
}

type keyView struct {
	Circuit      string `json:"circuit"`
	Constraints  uint64 `json:"constraints"`
	Public       uint64 `json:"public"`
	Digest       string `json:"digest"`
	ProvingKey   string `json:"provingKey"`
	VerifyingKey string `json:"verifyingKey"`
	Development  bool   `json:"development"`
	Transcript   string `json:"transcript,omitempty"`
	Internal     uint64 `json:"internal"`
	Excepted     uint64 `json:"excepted"`
}

func viewEntry(e *manifest.Entry) keyView {
	k := keyView{e.Circuit, e.Constraints, e.Public, e.Digest().String(), e.ProvingKey.String(), e.VerifyingKey.String(), e.Development, "", e.Internal, e.Excepted}
	if !e.Development {
		k.Transcript = e.Transcript.String()
	}
	return k
}

func (a *app) emitManifest(dir string, m *manifest.Manifest, took time.Duration) error {
	v := struct {
		Folder   string    `json:"folder"`
		Seconds  float64   `json:"seconds,omitempty"`
		Circuits []keyView `json:"circuits"`
	}{dir, took.Seconds(), nil}
	for i := range m.Entries {
		v.Circuits = append(v.Circuits, viewEntry(&m.Entries[i]))
	}
	return a.emit(v, func(w io.Writer) {
		fmt.Fprintf(w, "keys in %s\n%-28s %11s %6s %8s %8s  %-16s %s\n", dir, "circuit", "constraints", "public", "wires", "excepted", "manifest", "setup")
		for _, k := range v.Circuits {
			how := "development"
			if !k.Development {
				how = "ceremony " + k.Transcript[:16]
			}
			fmt.Fprintf(w, "%-28s %11d %6d %8d %8d  %-16s %s\n", k.Circuit, k.Constraints, k.Public, k.Internal, k.Excepted, k.Digest[:16], how)
		}
	})
}

// keysDir is where the circuits' keys lie.
func (a *app) keysDir() (string, error) {
	if a.keys != "" {
		return a.keys, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no cache folder (%w); name a folder with --keys", err)
	}
	return filepath.Join(cache, "zkconsent", "keys"), nil
}

func (a *app) manifest() (string, *manifest.Manifest, error) {
	dir, err := a.keysDir()
	if err != nil {
		return "", nil, err
	}
	m, err := manifest.Load(filepath.Join(dir, manifest.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("no keys in %s; make them with: zkconsent keys setup", dir)
	}
	return dir, m, err
}

// A bar shows the progress of long work on one line of a terminal.
type bar struct {
	w     io.Writer
	quiet bool
	wide  int
}

func newBar(w io.Writer, quiet bool) *bar {
	if f, ok := w.(*os.File); ok && !quiet {
		quiet = !term.IsTerminal(int(f.Fd()))
	}
	return &bar{w: w, quiet: quiet}
}

const barWidth = 30

func (b *bar) show(done float64, text string) {
	if b.quiet {
		return
	}
	done = min(max(done, 0), 1)
	filled := int(done * barWidth)
	line := fmt.Sprintf("[%s%s] %3.0f %% %s", strings.Repeat("=", filled), strings.Repeat(" ", barWidth-filled), 100*done, text)
	fmt.Fprintf(b.w, "\r%-*s", b.wide, line)
	b.wide = max(b.wide, len(line))
}

// reading shows how far a long reading of the ledger is.
func (b *bar) reading(part string, done, total uint64) {
	if total >= longReading {
		b.show(float64(done)/float64(total), fmt.Sprintf("%s %d of %d", part, done, total))
	}
}

// longReading is the number of entries below which a reading is over before
// anybody wonders.
const longReading = 1 << 15

// end clears the line.
func (b *bar) end() {
	if !b.quiet && b.wide > 0 {
		fmt.Fprintf(b.w, "\r%*s\r", b.wide, "")
	}
}
