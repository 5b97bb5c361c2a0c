package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/zkconsent/zkconsent/consent"
	documents "github.com/zkconsent/zkconsent/consent/fhir/demo"
)

// story is what the demonstration plays; the README tells it too.
func (d *demo) story() error {
	for _, chapter := range []struct {
		title string
		play  func() error
	}{
		{"Keys, and a ledger of one validator", d.found},
		{"A hospital, an insurer and a researcher become authorities", d.admit},
		{"The patient enrols with hospital and insurer; each issues a credential", d.issue},
		{"The patient consents, by a FHIR document", d.grant},
		{"The insurer checks a claim", d.claim},
		{"Others try their luck with the same presentation", d.cheat},
		{"A researcher recruits", d.research},
		{"The patient withdraws from the research", d.withdraw},
		{"The phone is lost: 24 words on another machine", d.restore},
		{"The auditor believes nobody", d.audit},
	} {
		d.chapter(chapter.title)
		if err := chapter.play(); err != nil {
			return err
		}
	}
	return nil
}

// told makes a check of a sentence that is always the same.
func told(sentence string) check { return func(answer) (string, error) { return sentence, nil } }

func (d *demo) found() error {
	for name, document := range map[string][]byte{
		"patient.json": documents.Patient, "condition.json": documents.Condition, "observation.json": documents.Observation,
		"coverage.json": documents.Coverage, "consent.json": documents.Consent,
		"../passphrase": []byte("correct horse battery staple\n"),
	} {
		if err := writeFile(d.post(name), document, 0o600); err != nil {
			return err
		}
	}
	var err error
	if d.keys, err = d.app.keysDir(); err != nil {
		return err
	}
	if !d.app.json {
		if err := d.warmKeys(); err != nil {
			return err
		}
	}
	if _, err := d.run("steward", "has the circuits' development keys in the cache", exitDone, func(a answer) (string, error) {
		list, _ := a["circuits"].([]any)
		return fmt.Sprintf("%d circuits", len(list)), nil
	}, "keys", "setup", "--scheme", string(d.scheme)); err != nil {
		return err
	}
	publicKeys := map[string]string{}
	for _, party := range []string{"steward", "hospital", "insurer", "research"} {
		a, err := d.run(party, "makes an authority key", exitDone, func(a answer) (string, error) { return "id " + a.text("id")[:16] + "…", nil }, "authority", "key")
		if err != nil {
			return err
		}
		d.ids[party], publicKeys[party] = a.text("id"), a.text("key")
		d.ids[party+"-key"] = a.text("key")
	}
	for _, args := range [][]string{
		{"document", "trust-list", "--name", "hospitals", "--authority", d.ids["hospital"], "--out", d.post("hospitals.zkc")},
		{"document", "trust-list", "--name", "insurers", "--authority", d.ids["insurer"], "--out", d.post("insurers.zkc")},
		{"document", "value-set", "--name", "plans-2026", "--text", "DEMO-GOLD", "--text", "DEMO-SILVER", "--out", d.post("plans.zkc")},
	} {
		if _, err := d.run("steward", "writes the list "+args[3], exitDone, nil, args...); err != nil {
			return err
		}
	}
	if _, err := d.run("steward", "founds the ledger", exitDone, func(a answer) (string, error) { return "genesis " + a.text("genesis")[:16] + "…", nil },
		"node", "init", "--chain", "zkconsent-demo", "--steward-key", publicKeys["steward"],
		"--trust-list", d.post("hospitals.zkc"), "--trust-list", d.post("insurers.zkc"), "--value-set", d.post("plans.zkc"),
		"--development-keys", "--every-block", "--epoch", "60", "--max-head-age", "60", "--heartbeat", "6", "--pow-bits", "12", "--revoke-delay", "2"); err != nil {
		return err
	}
	genesis, err := os.ReadFile(filepath.Join(d.home("steward"), genesisFile))
	if err != nil {
		return err
	}
	for _, party := range []string{"hospital", "insurer", "research", "patient", "newphone", "auditor"} {
		if err := writeFile(filepath.Join(d.home(party), genesisFile), genesis, 0o600); err != nil {
			return err
		}
	}
	return d.note("steward", "starts the node, in this process", func() (string, error) {
		stop, err := d.startNode()
		d.stopNode = stop
		return "validator 1 of 1", err
	})
}

// warmKeys makes the keys with the user's progress bar when they are not there
// yet; the step that follows finds them.
func (d *demo) warmKeys() error {
	_, _, err := d.app.makeKeys(d.ctx, consent.CircuitsOf(d.scheme))
	return err
}

func (d *demo) admit() error {
	for _, p := range []struct{ party, name, uri, roles string }{
		{"hospital", "Example Hospital", documents.Hospital, "issuer,registrar"},
		{"insurer", "Example Insurer", documents.Insurer, "issuer,verifier"},
		{"research", "Example Research Institute", documents.Research, "verifier"},
	} {
		if _, err := d.run("steward", "adds "+p.name+" as "+p.roles, exitDone,
			func(a answer) (string, error) { return fmt.Sprintf("block %d", a.number("height")), nil },
			"authority", "add", "--key", d.ids[p.party+"-key"], "--name", p.name, "--uri", p.uri, "--roles", p.roles); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) issue() error {
	if _, err := d.run("patient", "makes a wallet of 24 words", exitDone, nil,
		"wallet", "init", "--work-factor", "12", "--words-out", filepath.Join(d.home("patient"), "words")); err != nil {
		return err
	}
	for _, i := range []struct {
		party   string
		records []string
	}{
		{"hospital", []string{"--condition", d.post("condition.json"), "--observation", d.post("observation.json")}},
		{"insurer", []string{"--coverage", d.post("coverage.json")}},
	} {
		request, answered, offer := d.post(i.party+"-enrol.zkc"), d.post(i.party+"-enrolment.zkc"), d.post(i.party+"-offer.zkc")
		if _, err := d.run(i.party, "asks the wallet of person 17 to enrol", exitDone, nil, "issuer", "enrol-request", "--person", "17", "--scheme", string(d.scheme), "--out", request); err != nil {
			return err
		}
		a, err := d.run("patient", "proves possession of the wallet (circuit enrol)", exitDone,
			func(a answer) (string, error) { return fmt.Sprintf("proof of %d bytes", a.number("proofBytes")), nil },
			"wallet", "enrol", "--request", request, "--out", answered)
		if err != nil {
			return err
		}
		d.ids[i.party+"-nullifier"] = a.text("nullifier")
		if _, err := d.run(i.party, "checks the proof and binds the wallet to person 17", exitDone,
			func(a answer) (string, error) { return "known since " + a.text("since"), nil },
			"issuer", "enrol", "--person", "17", "--in", answered); err != nil {
			return err
		}
		if _, err := d.run(i.party, "issues a credential made from FHIR records", exitDone,
			func(a answer) (string, error) { return "schema " + a.text("schema"), nil },
			append([]string{"issuer", "issue", "--person", "17", "--patient", d.post("patient.json"), "--out", offer}, i.records...)...); err != nil {
			return err
		}
		if _, err := d.run("patient", "finds it on the ledger and keeps it", exitDone, nil, "credential", "accept", offer); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) grant() error {
	count := func(state string) check {
		return func(a answer) (string, error) {
			list, _ := a["consents"].([]any)
			for _, c := range list {
				if s := answer(c.(map[string]any)).text("state"); s != state {
					return "", fmt.Errorf("a consent is %s, told was %s", s, state)
				}
			}
			if len(list) != 2 {
				return "", fmt.Errorf("%d consents, told were 2", len(list))
			}
			return fmt.Sprintf("%d consents, %s", len(list), state), nil
		}
	}
	if _, err := d.run("patient", "imports a FHIR Consent and sees what it permits", exitDone, count("draft"), "consent", "import", d.post("consent.json")); err != nil {
		return err
	}
	if _, err := d.run("patient", "gives both, sealed for the hospital as registrar", exitDone, nil,
		"consent", "grant", "--registrar", d.ids["hospital"], "--out", d.post("sealed.zkc")); err != nil {
		return err
	}
	if _, err := d.run("hospital", "puts them on the ledger without reading them", exitDone,
		func(a answer) (string, error) { return fmt.Sprintf("block %d", a.number("height")), nil },
		"registrar", "commit", d.post("sealed.zkc")); err != nil {
		return err
	}
	_, err := d.run("patient", "finds both under a root that the validators signed", exitDone, count("registered"), "wallet", "sync")
	return err
}
