package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/consent"
	documents "github.com/zkconsent/zkconsent/consent/fhir/demo"
	"github.com/zkconsent/zkconsent/internal/armor"
)

// claimPolicy is the insurer's question: coverage active on the service date,
// plan in a value set, age in a range, once for each claim.
func claimPolicy(claim, opened string) []byte {
	return fmt.Appendf(nil, `{
  "circuit": "claim", "purpose": "CLMATTCH", "categories": ["coverage", "demographics"],
  "data": {"from": "2026-01-01", "to": "2026-12-31"}, "relyFor": "30d",
  "policyText": "https://hospital.example.org/policies/sharing/1",
  "schema": "coverage", "trust": "insurers.zkc",
  "where": [
    {"slots": ["start"], "atMost": "2026-06-15", "label": "insured on the day of service, 2026-06-15 (from)"},
    {"slots": ["end"], "atLeast": "2026-06-15", "label": "insured on the day of service, 2026-06-15 (until)"},
    {"slots": ["birthDate"], "age": {"min": 18, "max": 70, "on": "2026-06-15"}},
    {"slots": ["plan"], "in": "plans.zkc", "label": "the plan is one of 2026"}
  ],
  "rule": "once", "context": %q, "opened": %q
}`, claim, opened)
}

func (d *demo) ask(party, name string, policy []byte) error {
	if err := writeFile(d.post(name+"-policy.json"), policy, 0o600); err != nil {
		return err
	}
	_, err := d.run(party, "signs the request "+name, exitDone, func(a answer) (string, error) {
		return fmt.Sprintf("%s, %d bytes", a.text("circuit"), a.number("bytes")), nil
	},
		"request", "create", d.post(name+"-policy.json"), "--scheme", string(d.scheme), "--out", d.post(name+"-request.zkc"))
	return err
}

func (d *demo) prove(party, does, name string) (answer, error) {
	return d.run(party, does, exitDone, func(a answer) (string, error) {
		if a.number("proofBytes") != d.scheme.ProofSize() || a.number("bytes") != consent.Claim.Under(d.scheme).PresentationSize() {
			return "", errors.New("proof or presentation has another length than the specification's")
		}
		return fmt.Sprintf("proof %d bytes, presentation %d bytes, as %s…", a.number("proofBytes"), a.number("bytes"), a.text("pseudonym")[:8]), nil
	}, "prove", "--yes", "--request", d.post(name+"-request.zkc"), "--out", d.post(name+"-presentation.zkc"))
}

// verify expects a verdict: accepted when reason is empty.
func (d *demo) verify(party, does, file, reason string, more ...string) (answer, error) {
	exit := exitDenied
	if reason == "" {
		exit = exitDone
	}
	return d.run(party, does, exit, func(a answer) (string, error) {
		if a.text("reason") != reason || a["accepted"] != (reason == "") {
			return "", fmt.Errorf("accepted %v, reason %q, told was %q", a["accepted"], a.text("reason"), reason)
		}
		if reason == "" {
			return "accepted", nil
		}
		return "denied: " + reason, nil
	}, append([]string{"verify", d.post(file)}, more...)...)
}

func (d *demo) claim() error {
	if err := d.ask("insurer", "claim-1", claimPolicy("claim 2026-0001", d.app.now().UTC().Format("2006-01-02"))); err != nil {
		return err
	}
	if _, err := d.prove("patient", "reads it, agrees and proves (circuit claim)", "claim-1"); err != nil {
		return err
	}
	if err := d.edit("changes one byte of the proof", "claim-1", "flipped", func(b []byte) error {
		b[130] ^= 1
		return nil
	}); err != nil {
		return err
	}
	if _, err := d.verify("insurer", "gets the changed bytes first", "flipped-presentation.zkc", "bad-signature"); err != nil {
		return err
	}
	first, err := d.verify("insurer", "gets the presentation", "claim-1-presentation.zkc", "", "--record", d.post("record.zkc"))
	if err != nil {
		return err
	}
	kept, err := os.ReadFile(filepath.Join(d.home("insurer"), verifierFile))
	if err != nil {
		return err
	}
	again, err := d.verify("insurer", "gets the same bytes again: the stored verdict", "claim-1-presentation.zkc", "")
	if err != nil {
		return err
	}
	return d.note("insurer", "compares the two verdicts and its store", func() (string, error) {
		if fmt.Sprint(first) != fmt.Sprint(again) {
			return "", errors.New("the verdicts differ")
		}
		if now, err := os.ReadFile(filepath.Join(d.home("insurer"), verifierFile)); err != nil || !bytes.Equal(now, kept) {
			return "", errors.New("something was written")
		}
		return "the same verdict, nothing written", nil
	})
}

// edit makes a thief's version of a presentation.
func (d *demo) edit(does, from, to string, change func([]byte) error) error {
	return d.note("thief", does, func() (string, error) {
		file, err := os.ReadFile(d.post(from + "-presentation.zkc"))
		if err != nil {
			return "", err
		}
		b, err := armor.Decode("presentation", file, consent.MaxPresentation)
		if err != nil {
			return "", err
		}
		b = bytes.Clone(b)
		if err := change(b); err != nil {
			return "", err
		}
		return "", writeFile(d.post(to+"-presentation.zkc"), armor.Encode("presentation", b), 0o600)
	})
}

func (d *demo) cheat() error {
	opened := d.app.now().UTC().Format("2006-01-02")
	if _, err := d.verify("research", "is offered the insurer's presentation", "claim-1-presentation.zkc", "unknown-request"); err != nil {
		return err
	}
	if _, err := d.verify("insurer", "is offered the changed bytes again, after the answer", "flipped-presentation.zkc", "already-answered"); err != nil {
		return err
	}
	a, err := d.run("insurer", "asks about another claim", exitDone, nil, "request", "create", d.mustWrite("claim-2-policy.json", claimPolicy("claim 2026-0002", opened)), "--scheme", string(d.scheme), "--out", d.post("claim-2-request.zkc"))
	if err != nil {
		return err
	}
	id, err := hex.DecodeString(a.text("id"))
	if err != nil {
		return err
	}
	if err := d.edit("writes the other request's id into the presentation", "claim-1", "moved", func(b []byte) error {
		copy(b[4:20], id)
		return nil
	}); err != nil {
		return err
	}
	if _, err := d.verify("insurer", "is offered it as an answer to the second request", "moved-presentation.zkc", "bad-signature"); err != nil {
		return err
	}
	if err := d.ask("insurer", "claim-1-again", claimPolicy("claim 2026-0001", opened)); err != nil {
		return err
	}
	if _, err := d.prove("patient", "proves a second time in the same scope", "claim-1-again"); err != nil {
		return err
	}
	_, err = d.verify("insurer", "recognises the nullifier", "claim-1-again-presentation.zkc", "nullifier-spent")
	return err
}

// mustWrite leaves a file in the post and returns its name; a failure shows in
// the step that reads it.
func (d *demo) mustWrite(name string, b []byte) string {
	_ = writeFile(d.post(name), b, 0o600)
	return d.post(name)
}

// researchPolicy asks for type 2 diabetes, anonymously, for clinical trial
// research, and promises what the patient demands.
const researchPolicy = `{
  "circuit": "claim", "purpose": "CLINTRCH", "accept": ["NPU", "IRB"],
  "categories": ["conditions", "demographics"],
  "data": {"from": "2020-01-01", "to": "2026-12-31"}, "relyFor": "60d",
  "policyText": "https://hospital.example.org/policies/sharing/1",
  "schema": "clinical", "trust": "hospitals.zkc",
  "where": [
    {"slots": ["dx1", "dx2"], "prefix": ["E11"], "label": "a diagnosis of type 2 diabetes (ICD-10 E11)"},
    {"slots": ["birthDate"], "age": {"min": 40, "max": 79, "on": "2026-06-15"}}
  ],
  "rule": "pseudonym", "context": "diabetes study"
}`

func (d *demo) research() error {
	if err := d.ask("research", "study", []byte(researchPolicy)); err != nil {
		return err
	}
	a, err := d.prove("patient", "reads it, agrees and proves (circuit claim)", "study")
	if err != nil {
		return err
	}
	if _, err := d.verify("research", "gets the presentation", "study-presentation.zkc", ""); err != nil {
		return err
	}
	d.ids["study"] = a.text("pseudonym")
	return d.note("research", "compares its pseudonym with the insurer's", func() (string, error) {
		v, err := d.pseudonymOf("insurer")
		if err != nil {
			return "", err
		}
		if v == d.ids["study"] {
			return "", errors.New("they are equal")
		}
		return "they differ: " + d.ids["study"][:8] + "… and " + v[:8] + "…", nil
	})
}

// pseudonymOf reads the pseudonym of a verifier's one standing answer.
func (d *demo) pseudonymOf(party string) (string, error) {
	list, err := d.standing(party)
	if err != nil {
		return "", err
	}
	return list[0].text("nullifier"), nil
}

func (d *demo) standing(party string) ([]answer, error) {
	var list []answer
	_, err := d.run(party, "lists the answers that it relies on", exitDone, func(a answer) (string, error) {
		all, _ := a["list"].([]any)
		for _, s := range all {
			list = append(list, answer(s.(map[string]any)))
		}
		if len(list) != 1 {
			return "", fmt.Errorf("%d, told was 1", len(list))
		}
		if list[0]["withdrawn"] == true {
			return "1, withdrawn", nil
		}
		return "1, in force", nil
	}, "standing")
	return list, err
}

// consentFor finds the patient's consent for an actor.
func (d *demo) consentFor(party, actor string) (string, error) {
	id := ""
	_, err := d.run(party, "looks at the wallet", exitDone, func(a answer) (string, error) {
		all, _ := a["list"].([]any)
		for _, c := range all {
			if c := answer(c.(map[string]any)); c.text("to") == actor {
				id = c.text("id")
			}
		}
		if id == "" {
			return "", errors.New("no consent for " + actor)
		}
		return fmt.Sprintf("%d consents", len(all)), nil
	}, "consent", "list")
	return id, err
}

func (d *demo) withdraw() error {
	if err := d.ask("research", "study-again", []byte(researchPolicy)); err != nil {
		return err
	}
	if _, err := d.prove("patient", "answers once more, and holds the answer back", "study-again"); err != nil {
		return err
	}
	id, err := d.consentFor("patient", documents.Research)
	if err != nil {
		return err
	}
	if _, err := d.run("patient", "withdraws the consent for research", exitDone, states("withdrawn"), "consent", "revoke", id); err != nil {
		return err
	}
	if _, err := d.verify("research", "gets the answer that was proved before the withdrawal", "study-again-presentation.zkc", "withdrawn"); err != nil {
		return err
	}
	list, err := d.standing("research")
	if err != nil {
		return err
	}
	if err := d.note("research", "finds its standing record withdrawn, without the patient", func() (string, error) {
		if list[0]["withdrawn"] != true {
			return "", errors.New("it is in force")
		}
		return "by the published withdrawal alone", nil
	}); err != nil {
		return err
	}
	if err := d.ask("research", "study-third", []byte(researchPolicy)); err != nil {
		return err
	}
	_, err = d.run("patient", "can prove nothing with it any more", exitNothing, told("nothing to present"),
		"prove", "--yes", "--request", d.post("study-third-request.zkc"), "--out", d.post("study-third-presentation.zkc"))
	return err
}

// states expects every consent in the answer to have one of the states.
func states(told ...string) check {
	return func(a answer) (string, error) {
		all, _ := a["list"].([]any)
		if len(all) == 0 {
			return "", errors.New("no consent at all")
		}
	next:
		for _, c := range all {
			state := answer(c.(map[string]any)).text("state")
			for _, t := range told {
				if state == t {
					continue next
				}
			}
			return "", fmt.Errorf("a consent is %s, told was %s", state, told[0])
		}
		return told[0], nil
	}
}

func (d *demo) restore() error {
	words, err := os.ReadFile(filepath.Join(d.home("patient"), "words"))
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(d.home("newphone"), "words"), words, 0o600); err != nil {
		return err
	}
	if _, err := d.run("newphone", "restores the wallet and finds what it granted", exitDone, func(a answer) (string, error) {
		list, _ := a["consents"].([]any)
		if len(list) != 2 {
			return "", fmt.Errorf("%d consents, told were 2", len(list))
		}
		return "2 consents on the ledger", nil
	}, "wallet", "restore", "--work-factor", "12", "--words", filepath.Join(d.home("newphone"), "words")); err != nil {
		return err
	}
	request, answered := d.post("again-enrol.zkc"), d.post("again-enrolment.zkc")
	if _, err := d.run("hospital", "asks the new phone's wallet to enrol", exitDone, nil, "issuer", "enrol-request", "--person", "17", "--out", request); err != nil {
		return err
	}
	if _, err := d.run("newphone", "answers: the pseudonym is the old one", exitDone, func(a answer) (string, error) {
		if a.text("nullifier") != d.ids["hospital-nullifier"] {
			return "", errors.New("it is another")
		}
		return a.text("nullifier")[:8] + "…", nil
	}, "wallet", "enrol", "--request", request, "--out", answered); err != nil {
		return err
	}
	if _, err := d.run("hospital", "knows the person again; nothing starts anew", exitDone, func(a answer) (string, error) {
		if a["rotated"] == true || a["restarted"] == true {
			return "", errors.New("it takes the wallet for another one")
		}
		return "known since " + a.text("since"), nil
	}, "issuer", "enrol", "--person", "17", "--in", answered); err != nil {
		return err
	}
	if _, err := d.run("newphone", "withdraws all that is left", exitDone, states("withdrawn", "revoked"), "consent", "revoke"); err != nil {
		return err
	}
	list, err := d.standing("insurer")
	if err != nil {
		return err
	}
	return d.note("insurer", "finds the claim's consent withdrawn", func() (string, error) {
		if list[0]["withdrawn"] != true {
			return "", errors.New("it is in force")
		}
		return "it must not use the answer any more", nil
	})
}

func (d *demo) audit() error {
	if _, err := d.run("auditor", "re-runs the insurer's verdict from files alone", exitDone, func(a answer) (string, error) {
		if a["accepted"] != true {
			return "", errors.New("it does not hold")
		}
		return "it holds", nil
	}, "record", "check", d.post("record.zkc")); err != nil {
		return err
	}
	if _, err := d.run("auditor", "takes the bare proof out of the record", exitDone, func(a answer) (string, error) {
		return fmt.Sprintf("%s, %d public inputs", a.text("circuit"), a.number("publicInputs")), nil
	}, "proof", "export", d.post("record.zkc"), "--out", d.post("proof.json")); err != nil {
		return err
	}
	if _, err := d.run("auditor", "checks the mathematics alone", exitDone, func(a answer) (string, error) {
		if a["valid"] != true {
			return "", errors.New("it is not valid")
		}
		return "valid", nil
	}, "proof", "check", d.post("proof.json")); err != nil {
		return err
	}
	if _, err := d.run("auditor", "reads the ledger's head, as its validators signed it", exitDone, func(a answer) (string, error) {
		return fmt.Sprintf("height %d, %d record entries, %d withdrawals", a.number("height"), a.number("records"), a.number("withdrawals")), nil
	}, "registry", "status"); err != nil {
		return err
	}
	if err := d.note("steward", "stops the node", func() (string, error) {
		stop := d.stopNode
		d.stopNode = nil
		return "", stop()
	}); err != nil {
		return err
	}
	_, err := d.run("steward", "checks the node's data from its leaves up", exitDone,
		func(a answer) (string, error) { return fmt.Sprintf("clean up to block %d", a.number("height")), nil }, "registry", "check")
	return err
}
