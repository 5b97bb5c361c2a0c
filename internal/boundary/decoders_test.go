package boundary

// decoders lists, by folder, every function that reads bytes or text from
// outside, and the fuzz targets that give it hostile ones. A target of another
// folder is written with that folder. "-" and a reason stand where no target
// is needed: nobody outside chooses what the function reads, or it only finds
// the file for a decoder that has one.
var decoders = map[string]map[string]string{
	"circuits/manifest": {
		"Decode":     "FuzzDecode",
		"DecodeJSON": "FuzzDecodeJSON",
		"Load":       "- finds the file for DecodeJSON, and bounds its size",
	},
	"cmd/zkconsent": {
		"parseRoles":        "FuzzParseRoles",
		"parseKey":          "FuzzParseKey",
		"parseAuthorityKey": "FuzzParseAuthorityKey",
		"parseAnswer":       "- the demonstration reads what its own commands printed",
		"app.readFile":      "FuzzReadMessage",
		"app.readMessage":   "FuzzReadMessage",
	},
	"consent": {
		"DecodeEnrolRequest":         "FuzzMessages",
		"DecodeEnrolment":            "FuzzMessages",
		"DecodeOffer":                "FuzzMessages",
		"DecodePresentation":         "FuzzMessages",
		"DecodeRequest":              "FuzzMessages",
		"DecodeSchema":               "FuzzSchema",
		"DecodeSealedBatch":          "FuzzMessages",
		"DecodeSignedEnrolRequest":   "FuzzMessages",
		"DecodeSignedRequest":        "FuzzMessages",
		"DecodeTrustList":            "FuzzMessages",
		"DecodeValueSet":             "FuzzMessages",
		"decodeSigned":               "FuzzMessages",
		"Presentation.UnmarshalJSON": "FuzzPresentationJSON",
		"ParseSchema":                "FuzzParseSchema",
		"EncodePartialDate":          "FuzzPartialDate",
		"CodePrefix":                 "FuzzCodePrefix",
		"Slot.Encode":                "FuzzAttributes",
		"Slot.Decode":                "FuzzAttributes",
	},
	"consent/codes": {
		"ParsePurposes":     "FuzzParse",
		"ParseRestrictions": "FuzzParse",
		"ParseCategories":   "FuzzParse",
		"Table.Parse":       "FuzzParse",
		"readTable":         "FuzzReadTable",
	},
	"consent/directory": {
		"DecodeAuthority": "FuzzDecodeAuthority",
		"DecodeDirectory": "FuzzDecodeDirectory",
		"DecodeEpoch":     "FuzzDecodeEpoch",
		"DecodeGenesis":   "FuzzDecodeGenesis",
		"DecodeHead":      "FuzzDecodeHead",
		"DecodeState":     "FuzzDecodeState",
	},
	"consent/fhir": {
		"Compile":         "FuzzConsent",
		"Read":            "FuzzRecords",
		"ReadCondition":   "FuzzRecords",
		"ReadCoverage":    "FuzzRecords",
		"ReadObservation": "FuzzRecords",
		"ReadPatient":     "FuzzRecords",
		"read":            "FuzzConsent, FuzzRecords",
		"readConsent":     "FuzzConsent",
	},
	"consent/wallet": {
		"ParseID":         "FuzzParseID",
		"ParseWords":      "FuzzParseWords",
		"Restore":         "FuzzParseWords",
		"container.open":  "FuzzOpenContainer",
		"decodeContainer": "FuzzDecodeContainer",
		"decodeContents":  "FuzzDecodeContents",
		"readFile":        "- finds the file for decodeContainer, and bounds its size",
	},
	"internal/armor": {"Decode": "FuzzDecode"},
	"internal/field": {"Parse": "FuzzParse", "ParseHex": "FuzzParseHex"},
	"internal/proof": {
		"Decode":            "FuzzDecode",
		"decodeG1":          "FuzzDecode",
		"LoadVerifyingKey":  "- finds the file for ParseVerifyingKey, and bounds its size",
		"ParseVerifyingKey": "FuzzParseVerifyingKey",
	},
	"internal/redsig": {
		"DecodePoint":  "FuzzDecodePoint",
		"DecodeScalar": "FuzzDecodeScalar",
		"Verify":       "FuzzVerify",
	},
	"internal/tlv": {"NewDecoder": "FuzzDecode"},
	"prover": {
		"loadKeys":       "- finds the files of a manifest's entry for loadProvingKey and LoadVerifyingKey",
		"loadProvingKey": "- reads a file only after its SHA-256 is that of the manifest: its author chooses the bytes",
	},
	"registry": {
		"decodeMeta":   "FuzzDecodeMeta",
		"decodePlaced": "FuzzDecodePlaced",
	},
	"registry/journal": {
		"DecodeRecord":     "FuzzDecodeRecord",
		"DecodeWithdrawal": "FuzzDecodeWithdrawal",
		"Restore":          "FuzzRestore",
	},
	"registry/ledger": {
		"Home.validator": "- reads the validator's own secret files with CometBFT's decoder, which the node does before it listens",
	},
	"registry/ledger/light": {
		"VerifyHead":  "FuzzVerifyHead",
		"readEntries": "FuzzReadEntries",
	},
	"registry/transaction": {
		"Decode":            "FuzzDecode",
		"DecodeAuthority":   "FuzzDecode, FuzzDecodePayload",
		"DecodeResult":      "FuzzDecodeResult",
		"DecodeRevocations": "FuzzDecode, FuzzDecodePayload",
		"DecodeSealed":      "FuzzDecode, FuzzDecodePayload",
		"DecodeWithdrawals": "FuzzDecode, FuzzDecodePayload",
	},
	"verifier": {
		"DecodeRecord":  "FuzzDecodeRecord",
		"decodePath":    "FuzzDecodeRecord",
		"decodeVerdict": "FuzzDecodeVerdict",
	},
	"verifier/policy": {
		"Parse":  "FuzzParse",
		"decode": "FuzzParse",
		"read":   "FuzzFiles",
	},
	"verifier/store": {
		"scanAnswer":  "FuzzScanAnswer",
		"scanRequest": "FuzzScanRequest",
	},
}
