package openapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	zkconsentv1 "github.com/zkconsent/zkconsent/api/zkconsent/v1"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func get(t *testing.T, h http.Handler, method string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
	return w
}

// bindings are the methods that the protos give a REST address.
func bindings(t *testing.T) map[protoreflect.MethodDescriptor][2]string {
	t.Helper()
	out := map[protoreflect.MethodDescriptor][2]string{}
	for _, file := range []protoreflect.FileDescriptor{
		zkconsentv1.File_zkconsent_v1_registry_proto, zkconsentv1.File_zkconsent_v1_prover_proto, zkconsentv1.File_zkconsent_v1_verifier_proto,
	} {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				rule, _ := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
				switch p := rule.GetPattern().(type) {
				case *annotations.HttpRule_Get:
					out[methods.Get(j)] = [2]string{"get", p.Get}
				case *annotations.HttpRule_Post:
					out[methods.Get(j)] = [2]string{"post", p.Post}
				default:
					t.Errorf("%s has no REST address", methods.Get(j).FullName())
				}
			}
		}
	}
	if len(out) < 25 {
		t.Fatalf("%d methods were found", len(out))
	}
	return out
}

func TestEveryMethodIsInTheDocument(t *testing.T) {
	var d doc
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	want := bindings(t)
	for m, at := range want {
		op, ok := d.Paths[at[1]][at[0]]
		if !ok {
			t.Errorf("%s %s is not in the document", at[0], at[1])
			continue
		}
		if full := "/" + string(m.Parent().FullName()) + "/" + string(m.Name()); op.Method != full {
			t.Errorf("%s %s is %s, want %s", at[0], at[1], op.Method, full)
		}
		if ref := op.Responses["default"].Schema.Ref; ref != "#/definitions/rpcStatus" {
			t.Errorf("%s %s is refused by %q", at[0], at[1], ref)
		}
	}
	count := 0
	for _, verbs := range d.Paths {
		count += len(verbs)
	}
	if count != len(want) {
		t.Errorf("%d methods in the document, %d in the protos", count, len(want))
	}
	if d.Info.Title != "zkconsent" || !strings.Contains(d.Security["bearer"].Description, "mutual TLS") || len(d.Reasons) < 16 {
		t.Errorf("title %q, security %q, %d reasons", d.Info.Title, d.Security, len(d.Reasons))
	}
	for _, r := range d.Reasons {
		if r.Meaning == "" {
			t.Errorf("%s means nothing", r.Reason)
		}
	}
}

// The page names every method, its addresses, and every field of its request
// and its answer, fields of fields included.
func TestEverythingIsOnThePage(t *testing.T) {
	text := html.UnescapeString(get(t, Page(), http.MethodGet).Body.String())
	articles := map[string]string{}
	for _, a := range strings.Split(text, `<article id="`)[1:] {
		id, body, _ := strings.Cut(a, `"`)
		articles[id], _, _ = strings.Cut(body, "</article>")
	}
	for m, at := range bindings(t) {
		body := articles[string(m.Parent().Name())+"_"+string(m.Name())]
		for _, want := range []string{strings.ToUpper(at[0]), "<code>" + at[1] + "</code>", "/" + string(m.Parent().FullName()) + "/" + string(m.Name()), "A refusal"} {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page does not say %q", m.FullName(), want)
			}
		}
		for _, message := range []protoreflect.MessageDescriptor{m.Input(), m.Output()} {
			named(t, m.FullName(), body, message, 0)
		}
		if m.IsStreamingServer() != strings.Contains(body, "as a stream") {
			t.Errorf("%s: a stream, or none", m.FullName())
		}
	}
	for _, rule := range []string{"1 to 65536 bytes", "32 bytes", "at most 256 bytes", "1 to 256 items; each at most 4096 bytes", "once, pseudonym",
		"matches ^[0-9a-f]{32}$", "1 to 9223372036854775807", "0 to 1048575", "RECORDS, WITHDRAWALS, EPOCHS, SPENDS, AUDITS", "STAGE_PROVING", "NO_LEDGER"} {
		if !strings.Contains(text, rule) {
			t.Errorf("the page does not say %q", rule)
		}
	}
}

func named(t *testing.T, of protoreflect.FullName, body string, m protoreflect.MessageDescriptor, depth int) {
	t.Helper()
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if !strings.Contains(body, "<code>"+f.JSONName()+"</code>") {
			t.Errorf("%s: the page does not name %s", of, f.FullName())
		}
		if inner := f.Message(); inner != nil && depth < maxNesting {
			named(t, of, body, inner, depth+1)
		}
	}
}

// TestAttack_PageRunsOrLoads: the page stands on the origin of the calls, so
// that whatever it ran could make them.
func TestAttack_PageRunsOrLoads(t *testing.T) {
	w := get(t, Page(), http.MethodGet)
	body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	sheets := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindAllStringSubmatch(body, -1)
	if len(sheets) != 1 {
		t.Fatalf("%d style sheets", len(sheets))
	}
	digest := sha256.Sum256([]byte(sheets[0][1]))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if policy != want {
		t.Errorf("policy %q, want %q", policy, want)
	}
	for _, foreign := range []string{`(?i)https?:`, `(?i)["'(]\s*//`, `(?i)<script`, `(?i)\son[a-z]+=`, `(?i)javascript:`, `(?i)<(img|iframe|object|embed|link|base|form|svg)\b`,
		`(?i)\bsrc=`, `(?i)url\(`, `@import`, `(?i)\sstyle=`} {
		if found := regexp.MustCompile(foreign).FindString(body); found != "" {
			t.Errorf("the page has %q", found)
		}
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if link[1] != "/openapi.json" && (!strings.HasPrefix(link[1], "#") || !strings.Contains(body, `id="`+link[1][1:]+`"`)) {
			t.Errorf("a link to %q", link[1])
		}
	}
}

func TestTheDocumentIsServedAsItIs(t *testing.T) {
	for name, h := range map[string]http.Handler{"application/json": JSON(), "text/html; charset=utf-8": Page()} {
		w := get(t, h, http.MethodGet)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != name || w.Header().Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		if got := get(t, h, http.MethodPost); got.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: POST: %d", name, got.Code)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("If-None-Match", w.Header().Get("ETag"))
		again := httptest.NewRecorder()
		h.ServeHTTP(again, r)
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s: again: %d", name, again.Code)
		}
	}
	if got := get(t, JSON(), http.MethodGet).Body.Bytes(); !json.Valid(got) || string(got) != string(Document()) {
		t.Error("the document is served changed")
	}
}
