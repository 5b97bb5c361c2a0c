package consent

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/consensys/gnark-crypto/ecc/bn254/fr"
)

func TestOpeningsDoNotPrint(t *testing.T) {
	salt := fr.NewElement(987654321)
	k := Credential{Salt: salt, Attributes: [Slots]Attribute{{Value: 1234567, Present: true}}}
	for name, v := range map[string]any{
		"consent": Consent{Salt: salt}, "credential": k, "offer": Offer{Lock: salt, Credential: k}, "pointer": &Offer{Lock: salt, Credential: k},
		"slice": []Credential{k}, "map": map[string]Consent{"a": {Salt: salt}},
		"set": SetWitness{Slot: 3}, "witness": Witness{Credential: &CredentialWitness{Opening: k}},
	} {
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		text := log.String() + fmt.Sprintf("%v %+v %#v %s %x %d", v, v, v, v, v, v)
		if strings.Contains(text, "1234567") || strings.Contains(text, "987654321") || strings.Contains(text, salt.String()) || strings.Contains(text, fmt.Sprint(salt[0])) {
			t.Errorf("%s shows its secrets: %s", name, text)
		}
		if !strings.Contains(text, redacted) {
			t.Errorf("%s was not printed at all: %s", name, text)
		}
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%s has a JSON form: %s", name, b)
		}
	}
}
