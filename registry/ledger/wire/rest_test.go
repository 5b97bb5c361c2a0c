package wire_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zkconsent/zkconsent/registry/journal"
	"github.com/zkconsent/zkconsent/registry/ledger/light"
	"github.com/zkconsent/zkconsent/registry/transaction"
)

// rest makes a call and returns its status and body.
func rest(t *testing.T, method, url, body string) (int, []byte) {
	t.Helper()
	q, err := http.NewRequestWithContext(short(t), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, b
}

func field64(t *testing.T, body []byte, name string) []byte {
	t.Helper()
	var m map[string]json.RawMessage
	var b []byte
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if err := json.Unmarshal(m[name], &b); err != nil {
		t.Fatalf("%s of %s: %v", name, body, err)
	}
	return b
}

// TestRESTCarriesTheSameBytes: what a client verifies does not depend on the
// face that it reads.
func TestRESTCarriesTheSameBytes(t *testing.T) {
	n := startNode(t)
	_, url := serve(t, n, n.Genesis().Encode())
	tx := base64.StdEncoding.EncodeToString(commit(n.Genesis(), 1, sealed(0, 2)).Encode())
	code, body := rest(t, http.MethodPost, url+"/v1/transactions", fmt.Sprintf(`{"transaction":%q}`, tx))
	if code != http.StatusOK {
		t.Fatalf("%d: %s", code, body)
	}
	var submitted struct {
		Height    string
		Code      *int
		ItemCodes []int
		Result    []byte
	}
	if err := json.Unmarshal(body, &submitted); err != nil {
		t.Fatal(err)
	}
	result, err := transaction.DecodeResult(submitted.Result)
	if err != nil || result.Code != transaction.Executed || len(result.Items) != 2 || fmt.Sprint(result.Height) != submitted.Height ||
		submitted.Code == nil || *submitted.Code != 0 || len(submitted.ItemCodes) != 2 {
		t.Errorf("%s: %+v, %v", body, result, err)
	}

	_, body = rest(t, http.MethodGet, url+"/v1/checkpoint", "")
	h, err := light.VerifyHead(n.Genesis(), field64(t, body, "checkpoint"))
	if err != nil || h.State.Records.Count != 2 {
		t.Errorf("checkpoint: %+v, %v", h, err)
	}
	_, body = rest(t, http.MethodGet, url+"/v1/directory", "")
	if want, err := n.Directory(short(t)); err != nil || !bytes.Equal(field64(t, body, "directory"), want) {
		t.Errorf("directory: %v", err)
	}
	_, body = rest(t, http.MethodGet, url+"/v1/genesis", "")
	if !bytes.Equal(field64(t, body, "genesis"), n.Genesis().Encode()) {
		t.Error("genesis differs")
	}
	_, body = rest(t, http.MethodGet, url+"/v1/logs/RECORDS?from=1&max=1", "")
	var log struct{ Entries [][]byte }
	if err := json.Unmarshal(body, &log); err != nil {
		t.Fatal(err)
	}
	if want, err := n.Log(short(t), journal.Records, 1, 1); err != nil || len(log.Entries) != 1 || !bytes.Equal(log.Entries[0], want[0]) {
		t.Errorf("log: %x, %v", log.Entries, err)
	}
}

func TestRESTRefuses(t *testing.T) {
	_, url := serve(t, &canned{err: light.ErrRange}, nil)
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"a range beyond the log":     {http.MethodGet, "/v1/logs/RECORDS?from=9", "", http.StatusBadRequest},
		"no kind of log":             {http.MethodGet, "/v1/logs/UNSPECIFIED", "", http.StatusBadRequest},
		"an unknown kind of log":     {http.MethodGet, "/v1/logs/LEAVES", "", http.StatusBadRequest},
		"a negative position":        {http.MethodGet, "/v1/logs/RECORDS?from=-1", "", http.StatusBadRequest},
		"an unknown field":           {http.MethodPost, "/v1/transactions", `{"transaction":"","leaf":"00"}`, http.StatusBadRequest},
		"no base64":                  {http.MethodPost, "/v1/transactions", `{"transaction":"!"}`, http.StatusBadRequest},
		"no JSON":                    {http.MethodPost, "/v1/transactions", `transaction`, http.StatusBadRequest},
		"a transaction too large":    {http.MethodPost, "/v1/transactions", fmt.Sprintf(`{"transaction":%q}`, strings.Repeat("AAAA", transaction.MaxEncoded/3+1)), http.StatusBadRequest},
		"two fields of one name":     {http.MethodPost, "/v1/transactions", `{"transaction":"","transaction":""}`, http.StatusBadRequest},
		"something after the body":   {http.MethodPost, "/v1/transactions", `{"transaction":""}{}`, http.StatusBadRequest},
		"a call that does not exist": {http.MethodGet, "/v1/leaves/7", "", http.StatusNotFound},
		"another method":             {http.MethodDelete, "/v1/checkpoint", "", http.StatusMethodNotAllowed},
	} {
		code, body := rest(t, c.method, url+c.path, c.body)
		if code != c.want {
			t.Errorf("%s: %d %s, want %d", name, code, body, c.want)
		}
		var status struct {
			Code    int
			Message string
			Details []struct{ Reason, Domain string }
		}
		if err := json.Unmarshal(body, &status); err != nil || status.Code == 0 || status.Message == "" ||
			len(status.Details) == 0 || status.Details[0].Reason == "" || status.Details[0].Domain != "zkconsent" {
			t.Errorf("%s: %s is no status with a reason, %v", name, body, err)
		}
		if len(body) > 1000 {
			t.Errorf("%s: an answer of %d bytes", name, len(body))
		}
	}
}
