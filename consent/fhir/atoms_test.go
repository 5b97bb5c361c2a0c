package fhir_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/zkconsent/zkconsent/consent"
	"github.com/zkconsent/zkconsent/consent/codes"
	"github.com/zkconsent/zkconsent/consent/fhir"
	"pgregory.net/rapid"
)

// A provision as the test means it, to be judged one atom at a time without
// any of the compiler's arithmetic.
type provision struct {
	permit         bool
	actors         []string
	purposes       []string
	classes        []string
	labels         []string
	from, to       int // days of 2026, 0 is none
	dataFrom, data int // days of 2025, 0 is none
}

// An atom is the smallest thing that may be asked for.
type atom struct {
	actor, purpose, class, label string
	at, data                     time.Time
}

func day(year, n int) time.Time { return time.Date(year, 1, n, 0, 0, 0, 0, time.UTC) }

func under(t *codes.Table, code, named string) bool {
	c, err1 := t.ByName(code)
	n, err2 := t.ByName(named)
	if err1 != nil || err2 != nil {
		panic("test vocabulary")
	}
	return t.Down(n.Mask())&c.Mask() != 0
}

// matches says whether the provision's conditions, where it has them, hold.
func (p provision) matches(a atom) bool {
	any := func(list []string, ok func(string) bool) bool {
		for _, s := range list {
			if ok(s) {
				return true
			}
		}
		return len(list) == 0
	}
	resource := map[string]string{"Condition": "conditions", "Observation": "observations", "MedicationRequest": "prescriptions"}
	labelled := any(p.labels, func(s string) bool {
		if s == "N" {
			return a.label == ""
		}
		return a.label != "" && under(codes.CategoryTable(), a.label, s)
	})
	return any(p.actors, func(s string) bool { return s == a.actor }) &&
		any(p.purposes, func(s string) bool { return under(codes.PurposeTable(), a.purpose, s) }) &&
		any(p.classes, func(s string) bool { return resource[s] == a.class }) && labelled &&
		(p.from == 0 || !a.at.Before(day(2026, p.from))) && (p.to == 0 || !a.at.After(day(2026, p.to))) &&
		(p.dataFrom == 0 || !a.data.Before(day(2025, p.dataFrom))) && (p.data == 0 || !a.data.After(day(2025, p.data)))
}

func (p provision) json(nested []provision) string {
	var parts []string
	add := func(name string, list []string, form func(string) string) {
		var items []string
		for _, s := range list {
			items = append(items, form(s))
		}
		if len(items) > 0 {
			parts = append(parts, `"`+name+`":[`+strings.Join(items, ",")+`]`)
		}
	}
	span := func(name string, year, from, to int) {
		var ends []string
		if from > 0 {
			ends = append(ends, `"start":"`+day(year, from).Format(time.RFC3339)+`"`)
		}
		if to > 0 {
			ends = append(ends, `"end":"`+day(year, to).Format(time.RFC3339)+`"`)
		}
		if len(ends) > 0 {
			parts = append(parts, `"`+name+`":{`+strings.Join(ends, ",")+`}`)
		}
	}
	parts = append(parts, fmt.Sprintf(`"type":%q`, map[bool]string{true: "permit", false: "deny"}[p.permit]))
	add("actor", p.actors, actor)
	add("purpose", p.purposes, purpose)
	add("class", p.classes, class)
	add("securityLabel", p.labels, label)
	span("period", 2026, p.from, p.to)
	span("dataPeriod", 2025, p.dataFrom, p.data)
	var inner []string
	for _, n := range nested {
		inner = append(inner, n.json(nil))
	}
	if len(inner) > 0 {
		parts = append(parts, `"provision":[`+strings.Join(inner, ",")+`]`)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

var (
	someActors   = []string{"https://a.example.org", "https://b.example.org"}
	somePurposes = []string{"TREAT", "ETREAT", "BTG", "COC", "HPAYMT", "COVERAGE", "ELIGVER"}
	someClasses  = []string{"Condition", "Observation", "MedicationRequest"}
	someLabels   = []string{"PSY", "SPI", "HIV"}
)

func some(t *rapid.T, from []string, least int, name string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), least, 2, rapid.ID[string]).Draw(t, name)
}

func drawProvision(t *rapid.T, permit, full bool) provision {
	least := 0
	if full {
		least = 1
	}
	p := provision{permit: permit, actors: some(t, someActors, least, "actors"), purposes: some(t, somePurposes, least, "purposes"),
		classes: some(t, someClasses, least, "classes"), labels: some(t, someLabels, 0, "labels")}
	if permit && len(p.labels) > 0 {
		p.labels = append(p.labels, "N")
	}
	bound := rapid.SampledFrom([]int{0, 0, 10, 20, 30, 40})
	p.from, p.to = bound.Draw(t, "from"), bound.Draw(t, "to")
	p.dataFrom, p.data = bound.Draw(t, "data from"), bound.Draw(t, "data to")
	return p
}

// allows is the meaning of docs/spec.md §11.4, atom by atom: some permit
// matches, a nested one together with its root, and no deny does. A permit
// without labels is about data without labels.
func allows(docs [][]provision, a atom) bool {
	permitted := false
	for _, doc := range docs {
		root, nested := doc[0], doc[1:]
		unlabelled := func(p provision, inherited []string) bool {
			return len(p.labels)+len(inherited) > 0 || a.label == ""
		}
		if root.permit {
			permitted = permitted || root.matches(a) && unlabelled(root, nil)
		}
		inner := 0
		for _, n := range nested {
			if n.permit {
				inner++
				permitted = permitted || root.matches(a) && n.matches(a) && unlabelled(n, root.labels)
			} else if n.matches(a) {
				return false
			}
		}
		if !root.permit && inner == 0 && root.matches(a) {
			return false
		}
	}
	return permitted
}

// TestNeverCompilesWider draws documents and asks for every atom of a small
// world: what the grants allow, the documents allow.
func TestNeverCompilesWider(t *testing.T) {
	compiled, granted := 0, 0
	draw := func(t *rapid.T) {
		var docs [][]provision
		var data [][]byte
		for range rapid.IntRange(1, 2).Draw(t, "documents") {
			rootPermits := rapid.Bool().Draw(t, "root permits")
			doc := []provision{drawProvision(t, rootPermits, rootPermits)}
			if !rootPermits {
				doc[0] = provision{actors: doc[0].actors, from: doc[0].from, to: doc[0].to}
			}
			for range rapid.IntRange(0, 3).Draw(t, "nested") {
				permit := rapid.Bool().Draw(t, "permit")
				doc = append(doc, drawProvision(t, permit, permit && !rootPermits))
			}
			docs = append(docs, doc)
			data = append(data, []byte(document(doc[0].json(doc[1:]))))
		}
		grants, err := fhir.Compile(data, fhir.Options{Now: now})
		if err != nil {
			return
		}
		compiled++
		for _, actor := range someActors {
			for _, purposeName := range somePurposes {
				for _, className := range []string{"conditions", "observations", "prescriptions"} {
					for _, labelName := range append([]string{""}, someLabels...) {
						for _, at := range []int{5, 10, 11, 20, 30, 40, 45} {
							for _, data := range []int{5, 9, 10, 11, 20, 21, 30, 35, 40, 45} {
								a := atom{actor, purposeName, className, labelName, day(2026, at), day(2025, data)}
								if granted := grants != nil && covers(grants, a); granted && !allows(docs, a) {
									t.Fatalf("granted beyond the documents: %+v by\n%s", a, show(grants))
								}
							}
						}
					}
				}
			}
		}
		if len(grants) > 0 {
			granted++
		}
	}
	// How many of the documents compile is chance: rounds are played until
	// enough did.
	rounds := 0
	for ; rounds < 20 && (compiled < 15 || granted < 5); rounds++ {
		rapid.Check(t, draw)
	}
	t.Logf("%d compiled, %d to grants, in %d rounds", compiled, granted, rounds)
	if compiled < 15 || granted < 5 {
		t.Errorf("only %d documents compiled, %d of them to grants: the test shows too little", compiled, granted)
	}
}

// covers is the circuit's condition (docs/spec.md §9.3) for one atom.
func covers(grants []fhir.Grant, a atom) bool {
	p, err1 := codes.ParsePurposes(a.purpose)
	names := a.class
	if a.label != "" {
		names += "," + a.label
	}
	c, err2 := codes.ParseCategories(names)
	if err1 != nil || err2 != nil {
		panic("test vocabulary")
	}
	at, data := consent.Time(a.at.Unix()), consent.Time(a.data.Unix())
	for _, g := range grants {
		t := g.Terms
		if g.Actor == a.actor && p.Within(t.Purposes) && c.Within(t.Categories) && t.NotBefore <= at && at <= t.NotAfter && t.DataFrom <= data && data <= t.DataTo {
			return true
		}
	}
	return false
}
