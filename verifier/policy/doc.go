// Package policy turns a readable JSON document into the template of a request
// (docs/spec.md §10.1). All fields but those marked with ? must be there;
// unknown and repeated ones are refused.
//
//	{
//	  "circuit": "claim",                    consent, eligibility or claim
//	  "profile": "normal",                 ? or wide
//	  "scheme": "groth16",                 ? or plonk, where the ledger names keys for it
//	  "purpose": "CLMATTCH",                 one name of the purposes table
//	  "accept": ["NPU"],                   ? restrictions that are promised to be kept
//	  "categories": ["conditions", "demographics"],
//	  "data": {"from": "2025-01-01",         the period of the data, whole days;
//	           "to": "2026-11-21"},        ? without "to": up to the request
//	  "relyFor": "30d",                    ? days, or 12h, 30m; not for rule none
//	  "policyText": "…",                     the text that the consent agreed to
//	  "schema": "clinical",                  built-in name or file; not for consent
//	  "trust": "clinics.trust",              trust list file
//	  "where": [ … ],                      ? conditions; not for consent
//	  "rule": "once",                        once, pseudonym or none
//	  "context": "claim 2026-00317",         names the scope within the verifier
//	  "opened": "2026-11-01",                day on which the scope opened; rule once only needs it
//	  "maxRootAge": "20m",                 ? the ledger's limit when missing
//	  "return": "https://…"                ? where the answer may be posted
//	}
//
// A condition names the slots of the schema of which one must satisfy it, and
// exactly one test:
//
//	{"slots": ["birthDate"], "age": {"min": 18, "max": 64, "on": "2026-11-21"}}
//	{"slots": ["start"], "atMost": "2026-11-21"}
//	{"slots": ["end"], "atLeast": "2026-11-21"}
//	{"slots": ["glucose"], "between": ["4.0", "7.8"]}
//	{"slots": ["sex"], "equals": "FEMALE"}
//	{"slots": ["sex"], "notEquals": "FEMALE"}           one slot only
//	{"slots": ["plan"], "oneOf": ["Gold", "Silver"]}
//	{"slots": ["plan"], "in": "plans-2026.set"}         value set file
//	{"slots": ["dx1", "dx2"], "prefix": ["E11"], "id": "dx"}
//	{"slots": ["dx1Date", "dx2Date"], "atLeast": "2025-11-21", "linkTo": "dx"}
//
// Values are written as strings, in the slot's usual form. Missing bounds of
// an age are open, and its day is that of the request when missing. With codes,
// atMost and between include what begins with their end: up to "E14" holds for
// E14.9. linkTo demands the same entry: both conditions list slots of the same
// groups in the same order. Each condition gets plain words; "label" replaces
// them.
//
// Files are read from the folder that is handed in and nowhere else. Messages
// may be armored; a schema may also be in its JSON source form.
//
// # Caveats
//
// A label is what the verifier says. A wallet shows it beside its own reading
// of the predicate. Somebody born on 29 February is a year older on 1 March of
// other years, which is not every country's law. Absent attributes satisfy no
// condition, notEquals included.
package policy
