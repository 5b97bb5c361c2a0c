package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/fhir"
	"github.com/zkconsent/zkconsent/consent/issuer"
	"github.com/zkconsent/zkconsent/internal/field"
)

// issuerFile is the issuer's register in the issuer's folder.
const issuerFile = "issuer.db"

func (a *app) issuerVerb() *cobra.Command {
	c := &cobra.Command{Use: "issuer", Short: "Enrol people, issue and revoke credentials"}
	c.AddCommand(a.issuerInitVerb(), a.issuerEnrolRequestVerb(), a.issuerEnrolVerb(), a.issuerIssueVerb(), a.issuerOfferVerb(), a.issuerDeliveredVerb(), a.issuerListVerb(), a.issuerRevokeVerb())
	return c
}

// withIssuer runs a verb with the open register and the ledger.
func (a *app) withIssuer(ctx context.Context, do func(*issuer.Issuer, *session) error) error {
	o, err := a.officeOf(ctx, a.session)
	if err != nil {
		return err
	}
	defer o.close()
	i, err := issuer.Open(a.path(issuerFile), issuer.Config{
		Genesis: o.genesis.hash, ID: o.self.ID, Key: o.key, Ledger: issuerView{o.session}, EnrolKey: a.enrolKey, Now: a.now,
	})
	if err != nil {
		return err
	}
	defer i.Close()
	err = do(i, o.session)
	if errors.Is(err, issuer.ErrStale) || errors.Is(err, errUnreachable) {
		err = &exit{exitUndecided, err}
	}
	return err
}

func (a *app) issuerInitVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make this issuer's register of enrolled people",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withIssuer(c.Context(), func(*issuer.Issuer, *session) error {
				v := map[string]string{"register": a.path(issuerFile)}
				return a.emit(v, func(w io.Writer) { fmt.Fprintf(w, "register in %s\n", v["register"]) })
			})
		},
	}
}

func personFlag(c *cobra.Command, person *string) {
	c.Flags().StringVar(person, "person", "", "the person's `number` in this issuer's own files")
	required(c, "person")
}

func (a *app) issuerEnrolRequestVerb() *cobra.Command {
	var person, out, scheme string
	c := &cobra.Command{
		Use:   "enrol-request --person NUMBER --out FILE",
		Short: "Ask a person's wallet to enrol",
		RunE: func(c *cobra.Command, _ []string) error {
			under, err := schemeOf(scheme)
			if err != nil {
				return err
			}
			return a.withIssuer(c.Context(), func(i *issuer.Issuer, _ *session) error {
				r, err := i.CreateEnrolRequest(c.Context(), person, under)
				if err != nil {
					return err
				}
				if err := a.writeMessage("signed-enrol-request", out, r.Encode()); err != nil {
					return err
				}
				v := map[string]string{"file": out, "circuit": string(r.Request.Circuit), "expires": instant(r.Request.Expires)}
				return a.emit(v, func(w io.Writer) {
					fmt.Fprintf(w, "enrol request written to %s; it can be answered until %s\n", out, v["expires"])
				})
			})
		},
	}
	personFlag(c, &person)
	c.Flags().StringVar(&out, "out", "", "`file` to write; - for standard output")
	schemeFlag(c, &scheme, string(consent.Groth16), "the answer's proof")
	required(c, "out")
	return c
}

func (a *app) issuerEnrolVerb() *cobra.Command {
	var person, in string
	c := &cobra.Command{
		Use:   "enrol --person NUMBER --in FILE",
		Short: "Check a wallet's enrolment and bind it to a person",
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := a.readMessage("enrolment", in, consent.MaxMessage)
			if err != nil {
				return err
			}
			return a.withIssuer(c.Context(), func(i *issuer.Issuer, s *session) error {
				e, err := i.Enrol(c.Context(), person, b)
				if err != nil {
					return err
				}
				if len(e.Revoking) > 0 {
					if err := i.Resume(c.Context()); err != nil {
						return err
					}
				}
				since := time.Unix(int64(e.Since)*86400, 0).UTC().Format(time.DateOnly)
				v := map[string]any{"holder": field.Hex(e.Holder), "since": since, "rotated": e.Rotated, "restarted": e.Restarted, "revoked": len(e.Revoking)}
				return a.emit(v, func(w io.Writer) {
					fmt.Fprintf(w, "enrolled; known since %s\n", since)
					if e.Rotated {
						fmt.Fprintln(w, "the same wallet came with a new key: pseudonyms stay")
					}
					if e.Restarted {
						fmt.Fprintln(w, "another wallet than before: it cannot answer again where the old one could have")
					}
					if n := len(e.Revoking); n > 0 {
						fmt.Fprintf(w, "%d credential(s) of the old wallet are being revoked\n", n)
					}
				})
			})
		},
	}
	personFlag(c, &person)
	c.Flags().StringVar(&in, "in", "", "`file` with the wallet's enrolment")
	required(c, "in")
	return c
}

func (a *app) issuerIssueVerb() *cobra.Command {
	var person, schema, patient, coverage, out, birth string
	var conditions, observations []string
	var days int
	c := &cobra.Command{
		Use:   "issue --person NUMBER --patient FILE --out FILE",
		Short: "Turn FHIR records into a credential and offer it",
		Long: `Make a credential from FHIR R4 records: with --coverage one of schema "coverage", else
one of the clinical schema named with --schema. It is put on the ledger, unreadable,
and its opening is written as an offer for the person's wallet alone.`,
		RunE: func(c *cobra.Command, _ []string) error {
			o := fhir.AttributeOptions{}
			switch birth {
			case "":
			case "youngest":
				o.BirthDate = consent.Youngest
			case "oldest":
				o.BirthDate = consent.Oldest
			default:
				return &exit{exitUsage, fmt.Errorf("--birth-date %s: youngest or oldest", birth)}
			}
			attributes, err := a.attributes(schema, patient, coverage, conditions, observations, o)
			if err != nil {
				return err
			}
			expires := consent.Time(a.now().Add(time.Duration(days) * 24 * time.Hour).Unix())
			return a.withIssuer(c.Context(), func(i *issuer.Issuer, s *session) error {
				issued, err := i.Issue(c.Context(), issuer.Order{Person: person, Schema: attributes.Schema, Attributes: attributes.Values, Texts: attributes.Texts, Expires: expires})
				if err != nil {
					return err
				}
				if err := a.writeMessage("offer", out, issued.Offer.Encode()); err != nil {
					return err
				}
				v := struct {
					ID      int64    `json:"id"`
					Schema  string   `json:"schema"`
					Expires string   `json:"expires"`
					Offer   string   `json:"offer"`
					Notes   []string `json:"notes,omitempty"`
				}{int64(issued.ID), attributes.Schema.Name, instant(expires), out, nil}
				for _, n := range attributes.Notes {
					v.Notes = append(v.Notes, n.String())
				}
				return a.emit(v, func(w io.Writer) {
					fmt.Fprintf(w, "credential %d (%s) is on the ledger; its offer is in %s, for the patient alone\n", v.ID, v.Schema, out)
					for _, n := range v.Notes {
						fmt.Fprintf(w, "note: %s\n", n)
					}
				})
			})
		},
	}
	personFlag(c, &person)
	f := c.Flags()
	f.StringVar(&schema, "schema", "clinical", "schema of a clinical credential")
	f.StringVar(&patient, "patient", "", "`file` with the FHIR Patient")
	f.StringVar(&coverage, "coverage", "", "`file` with a FHIR Coverage")
	f.StringArrayVar(&conditions, "condition", nil, "`file` with a FHIR Condition; may be repeated")
	f.StringArrayVar(&observations, "observation", nil, "`file` with a FHIR Observation; may be repeated")
	f.StringVar(&out, "out", "", "`file` to write the offer to; - for standard output")
	f.StringVar(&birth, "birth-date", "", "reading of a birth date without a day: youngest or oldest")
	f.IntVar(&days, "days", 90, "days until the credential expires")
	required(c, "patient", "out")
	return c
}

func (a *app) attributes(schema, patient, coverage string, conditions, observations []string, o fhir.AttributeOptions) (*fhir.Attributes, error) {
	var failed error
	read := func(file string) []byte {
		b, err := a.readFile(file, fhir.MaxDocument)
		failed = errors.Join(failed, err)
		return b
	}
	r := fhir.Records{Patient: read(patient)}
	if coverage != "" {
		c := read(coverage)
		if failed != nil {
			return nil, failed
		}
		return fhir.Coverage(c, r.Patient, o)
	}
	for _, f := range conditions {
		r.Conditions = append(r.Conditions, read(f))
	}
	for _, f := range observations {
		r.Observations = append(r.Observations, read(f))
	}
	if failed != nil {
		return nil, failed
	}
	s, ok := consent.BuiltinSchema(schema)
	if !ok {
		var names []string
		for _, b := range consent.BuiltinSchemas() {
			names = append(names, b.Name)
		}
		return nil, misuse("--schema %s: unknown; there are %s", schema, strings.Join(names, ", "))
	}
	return fhir.Clinical(s, r, o)
}

func (a *app) issuerOfferVerb() *cobra.Command {
	var id int64
	var out string
	c := &cobra.Command{
		Use:   "offer --id NUMBER --out FILE",
		Short: "Write a credential's offer again, until it was delivered",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withIssuer(c.Context(), func(i *issuer.Issuer, _ *session) error {
				if err := i.Resume(c.Context()); err != nil {
					return err
				}
				offer, err := i.Offer(c.Context(), issuer.ID(id))
				if err != nil {
					return err
				}
				if err := a.writeMessage("offer", out, offer.Encode()); err != nil {
					return err
				}
				return a.emit(map[string]any{"id": id, "offer": out}, func(w io.Writer) {
					fmt.Fprintf(w, "the offer is in %s, for the patient alone\n", out)
				})
			})
		},
	}
	c.Flags().Int64Var(&id, "id", 0, "the credential's number, from: zkconsent issuer list")
	c.Flags().StringVar(&out, "out", "", "file to write the offer to")
	required(c, "id", "out")
	return c
}

func (a *app) issuerDeliveredVerb() *cobra.Command {
	var id int64
	c := &cobra.Command{
		Use:   "delivered --id NUMBER",
		Short: "Erase a credential's values from the register, once the patient has them",
		Long: `Erase the offer, and with it the attributes, from the register once the patient has
accepted it. The register keeps what it takes to revoke. An offer that is lost after
that cannot be written again: revoke the credential and issue a new one.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withIssuer(c.Context(), func(i *issuer.Issuer, _ *session) error {
				if err := i.Delivered(c.Context(), issuer.ID(id)); err != nil {
					return err
				}
				return a.emit(map[string]any{"id": id, "erased": true}, func(w io.Writer) {
					fmt.Fprintf(w, "the values of credential %d are erased from the register\n", id)
				})
			})
		},
	}
	c.Flags().Int64Var(&id, "id", 0, "the credential's number, from: zkconsent issuer list")
	required(c, "id")
	return c
}

func (a *app) issuerListVerb() *cobra.Command {
	var person string
	c := &cobra.Command{
		Use:   "list --person NUMBER",
		Short: "List a person's credentials",
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withIssuer(c.Context(), func(i *issuer.Issuer, _ *session) error {
				if err := i.Resume(c.Context()); err != nil {
					return err
				}
				list, err := i.Credentials(c.Context(), person)
				if err != nil {
					return err
				}
				type view struct {
					ID      int64  `json:"id"`
					Schema  string `json:"schema"`
					Expires string `json:"expires"`
					State   string `json:"state"`
				}
				v := []view{}
				for _, k := range list {
					state := "recorded"
					switch {
					case k.Revoked:
						state = "revoked"
					case k.Revoking:
						state = "being revoked"
					case k.Committed:
						state = "on the ledger"
					}
					v = append(v, view{int64(k.ID), k.Schema, instant(k.Expires), state})
				}
				return a.emit(v, func(w io.Writer) {
					for _, k := range v {
						fmt.Fprintf(w, "%4d  %-16s %-14s expires %s\n", k.ID, k.Schema, k.State, k.Expires)
					}
					if len(v) == 0 {
						fmt.Fprintf(w, "no credential was issued to person %s\n", person)
					}
				})
			})
		},
	}
	personFlag(c, &person)
	return c
}

func (a *app) issuerRevokeVerb() *cobra.Command {
	var person string
	c := &cobra.Command{
		Use:   "revoke --person NUMBER",
		Short: "Revoke a person's credentials",
		Long:  `Revoke all credentials of a person. No proof can be made with them once the next epoch has closed; verifiers refuse older epochs within two more.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withIssuer(c.Context(), func(i *issuer.Issuer, s *session) error {
				list, err := i.Credentials(c.Context(), person)
				if err != nil {
					return err
				}
				if len(list) == 0 {
					return fmt.Errorf("person %s has no credential in this register, so nothing was revoked; check the number", person)
				}
				if err := i.RevokePerson(c.Context(), person); err != nil {
					return err
				}
				v := map[string]any{"revoked": true, "credentials": len(list)}
				return a.emit(v, func(w io.Writer) { fmt.Fprintf(w, "all %d credential(s) of the person are revoked\n", len(list)) })
			})
		},
	}
	personFlag(c, &person)
	return c
}
