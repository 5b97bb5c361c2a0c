package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/client"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/verifier"
)

// verifyAt has presentations decided by a service: one by itself, several in one
// call.
func (a *app) verifyAt(ctx context.Context, files []string, record string) error {
	if len(files) > client.MaxBatch {
		return misuse("%d presentations, at most %d go into one call", len(files), client.MaxBatch)
	}
	if record != "" && len(files) > 1 {
		return misuse("--record is for one presentation; fetch the others with: zkconsent verdict ID --server %s --record FILE", a.remote.server)
	}
	messages := make([][]byte, len(files))
	for i, name := range files {
		b, err := a.readMessage("presentation", name, consent.MaxPresentation)
		var unread *fs.PathError
		if errors.As(err, &unread) || err != nil && len(files) > 1 {
			return err
		}
		if err != nil {
			return a.verdict(verifier.Verdict{Reason: verifier.Malformed}, err)
		}
		messages[i] = b
	}
	return a.verifierAt(func(v *client.Verifier) error {
		if len(messages) == 1 {
			verdict, err := v.Verify(ctx, messages[0])
			if err != nil {
				return errors.Join(a.emitVerdict(verdict), remoteError(err))
			}
			if verdict.Accepted && record != "" {
				if _, err := a.fetchVerdict(ctx, v, verdict.RequestID, record); err != nil {
					return err
				}
			}
			return errors.Join(a.emitVerdict(verdict), (&decided{verdict}).exit())
		}
		verdicts, err := v.VerifyBatch(ctx, messages)
		if err != nil {
			return err
		}
		return a.emitVerdicts(files, verdicts)
	})
}

// emitVerdicts shows several verdicts. The status is that of the least certain:
// no decision before denied before accepted.
func (a *app) emitVerdicts(files []string, verdicts []verifier.Verdict) error {
	type one struct {
		File    string           `json:"file"`
		Verdict verifier.Verdict `json:"verdict"`
	}
	list := []one{}
	status := exitDone
	for i, v := range verdicts {
		list = append(list, one{files[i], v})
		switch {
		case v.Accepted:
		case undecidedReason(v.Reason):
			status = exitUndecided
		case status == exitDone:
			status = exitDenied
		}
	}
	err := a.emit(list, func(w io.Writer) {
		for _, o := range list {
			fmt.Fprintf(w, "%s: %s\n", o.File, o.Verdict)
		}
	})
	if status != exitDone {
		return errors.Join(err, &exit{status, nil})
	}
	return err
}

func (a *app) verdictVerb() *cobra.Command {
	var record string
	c := &cobra.Command{
		Use:   "verdict REQUEST-ID --server ADDRESS",
		Short: "Fetch the verdict on the accepted answer to a request, with its evidence",
		Long: `Fetch the verdict on the accepted answer to a request from a verifier's service, and
with --record the evidence for it, which "record check" re-runs from files alone. Exit
status 3 means that no answer was accepted.

A verdict is of its time: whether the consent was withdrawn since is told by
"withdrawals" and "standing".`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseRequestID(args[0])
			if err != nil {
				return err
			}
			return a.verifierAt(func(v *client.Verifier) error {
				verdict, err := a.fetchVerdict(c.Context(), v, id, record)
				var e *client.Error
				if errors.As(err, &e) && e.Reason == client.Unknown {
					return &exit{exitDenied, fmt.Errorf("no answer to request %s was accepted at %s", args[0], a.remote.server)}
				}
				if err != nil {
					return err
				}
				return a.emitVerdict(verdict)
			})
		},
	}
	c.Flags().StringVar(&record, "record", "", "write the evidence into this file")
	return c
}

// fetchVerdict fetches a verdict and writes its record, if a file is named.
func (a *app) fetchVerdict(ctx context.Context, v *client.Verifier, id [16]byte, file string) (verifier.Verdict, error) {
	verdict, record, err := v.Verdict(ctx, id)
	if err != nil || file == "" {
		return verdict, err
	}
	return verdict, a.writeMessage("record", file, record)
}

// parseRequestID reads the id of a request.
func parseRequestID(text string) (id [16]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != text {
		return id, misuse("%.80q is no id of a request: 32 lower-case hexadecimal digits", text)
	}
	return [16]byte(b), nil
}
