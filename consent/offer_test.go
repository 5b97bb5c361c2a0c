package consent_test

import (
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/consent"
)

// An issuer that shows other words than it attests would have a patient agree
// to something else.
func TestAttack_OfferShowsOtherWordsThanItAttests(t *testing.T) {
	schema := &consent.Schema{Name: "plans", Version: 1, Slots: []consent.Slot{
		{Name: "plan", Label: "plan", Type: consent.Text, Categories: mustCategories(t, "coverage")},
		{Name: "start", Label: "insured from", Type: consent.Date, Categories: mustCategories(t, "coverage")},
		{Name: "group", Label: "group", Type: consent.Text, Categories: mustCategories(t, "coverage")},
	}}
	gold, err := consent.EncodeText("Gold")
	if err != nil {
		t.Fatal(err)
	}
	attributes := [consent.Slots]consent.Attribute{1: {Value: gold, Present: true}, 2: {Value: gold, Present: true}}
	for name, v := range map[string]struct {
		texts consent.Texts
		ok    bool
	}{
		"the attested text":            {consent.Texts{1: "Gold"}, true},
		"none":                         {consent.Texts{}, true},
		"another text":                 {consent.Texts{1: "Silver"}, false},
		"a text for a date":            {consent.Texts{2: "Gold"}, false},
		"a text for an absent value":   {consent.Texts{3: "Gold"}, false},
		"a text for slot 0":            {consent.Texts{0: "Gold"}, false},
		"a text for no slot":           {consent.Texts{9: "Gold"}, false},
		"a text that is far too long":  {consent.Texts{1: strings.Repeat("Gold", 100)}, false},
		"the text with a space behind": {consent.Texts{1: "Gold "}, false},
	} {
		if err := v.texts.Check(schema, &attributes); (err == nil) != v.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
