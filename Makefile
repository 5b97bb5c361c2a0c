# `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Version control stamping fails in containers that own the tree as another user.
GOFLAGS ?= -buildvcs=false
export GOFLAGS

CACHE := $(CURDIR)/.cache
BIN := $(CACHE)/bin
# A file here for each check that was skipped; its words are printed by `check`.
SKIPPED := $(CACHE)/skipped
GO_FILES = find . \( -name .git -o -name .cache -o -name node_modules \) -prune -o -name '*.go' -print
FUZZTIME ?= 20s
# Go would spend the whole time making one large input smaller. It also reports
# a worker that is still busy when the time is over as a failure, without an
# input: that is none.
FUZZFLAGS ?= -fuzzminimizetime 100x

# PostgreSQL's programs, for the tests of what a fleet of verifiers shares. That
# they are named in the environment keeps results of before they were there from
# standing.
ZKCONSENT_POSTGRES ?= $(shell dirname "$$(readlink -f "$$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -V | tail -n 1)")" 2>/dev/null | grep /)
export ZKCONSENT_POSTGRES

.PHONY: help postgres build generate check format vet lint boundary generated interface release-api security test-tools vulnerabilities sbom reproducible test test-full test-ledger test-services assurance figures figures-ledger figures-services figures-idle figures-scale test-fhir fuzz demo testnet clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/zkconsent
	go build -trimpath -o bin/zkconsent ./cmd/zkconsent

demo: build ## the whole story on this machine, in a temporary folder
	bin/zkconsent demo

check: format vet lint boundary generated interface security test-tools vulnerabilities ## everything that reads the source and does not run it; says at the end what was skipped
	@if said=$$(cat $(SKIPPED)/* 2>/dev/null); then echo "skipped:"; echo "$$said"; else echo "skipped: nothing"; fi

testnet: build ## a consortium of four members as four processes on this machine, until Ctrl-C; ZKCONSENT_TESTNET_ONCE=1 tests itself and stops
	deploy/testnet.sh

format: ## fail if gofmt would change a file
	@files="$$($(GO_FILES) | xargs gofmt -l)"; if [ -n "$$files" ]; then echo "gofmt -w is needed for:"; echo "$$files"; exit 1; fi

vet: ## go vet, with the tools' modules
	go vet ./...
	go -C tools/lint vet ./...
	go -C tools/proto vet ./...
	go -C tools/sbom vet ./...

lint: $(BIN)/.lint ## staticcheck
	$(BIN)/staticcheck ./...

boundary: ## import boundaries and banned calls
	go test ./internal/boundary

generated: $(BIN)/.proto ## fail if api/ differs from what its .proto files generate
	$(BIN)/proto -root . -plugins $(BIN) -check

interface: $(BIN)/.proto $(BIN)/.buf ## buf lint, and what would break callers of the released interface
	$(BIN)/proto -root . -image $(CACHE)/interface.binpb
	$(BIN)/buf lint $(CACHE)/interface.binpb --config tools/buf/buf.yaml
	$(BIN)/buf breaking $(CACHE)/interface.binpb --against api/released.binpb --config tools/buf/buf.yaml
	$(BIN)/proto -root . -released api/released.binpb
	ZKCONSENT_BUF=$(BIN)/buf go -C tools/proto test ./...

release-api: $(BIN)/.proto ## take the interface as it stands for the released one
	$(BIN)/proto -root . -bare -image api/released.binpb

security: $(BIN)/.lint ## gosec, each finding with its reason in tools/lint/security/exceptions.txt
	$(BIN)/security -gosec $(BIN)/gosec -exceptions tools/lint/security/exceptions.txt ./...

test-tools: ## tests of the tools
	go -C tools/lint test ./...
	go -C tools/sbom test ./...

vulnerabilities: $(BIN)/.lint ## govulncheck, where its database can be reached
	$(BIN)/vulncheck -govulncheck $(BIN)/govulncheck -skipped $(SKIPPED)/vulnerabilities ./...

sbom: build $(BIN)/.sbom ## bin/zkconsent.cdx.json, the bill of materials of bin/zkconsent (CycloneDX 1.6)
	$(BIN)/cyclonedx-gomod bin -json -std -output-version 1.6 -output bin/zkconsent.cdx.json bin/zkconsent
	$(BIN)/sbomcheck bin/zkconsent bin/zkconsent.cdx.json

reproducible: build ## build bin/zkconsent again elsewhere, from nothing, and compare byte for byte
	tools/reproducible.sh bin/zkconsent

generate: $(BIN)/.proto ## write api/ anew from its .proto files
	$(BIN)/proto -root . -plugins $(BIN)

postgres: # say whether the tests that need it are run
	@[ -n "$$ZKCONSENT_POSTGRES" ] && echo "PostgreSQL: $$ZKCONSENT_POSTGRES" || echo 'PostgreSQL: none found, its tests are SKIPPED (apt-get install postgresql)'

test: postgres ## the short tests
	go test -short -timeout 15m ./...

test-full: postgres ## all tests, fuzz seeds included
	go test -timeout 60m ./...

test-ledger: ## break the ledger at full length: kills, failing disks, flipped bits, old backups, members of four that go or sign twice; prints the table, fails where one test fails
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; state=0; \
	ZKCONSENT_FAULTS=1 go test -count=1 -p 1 -timeout 60m -run '^TestFault' -v ./registry/... 2>&1 | tee "$$log" | \
	  awk '/^(--- |ok |FAIL|panic)/ && !/no tests to run/ { print; fflush() }' || state=1; \
	[ $$state = 0 ] || { echo; grep -v '^=== ' "$$log"; }; \
	echo; printf '%-52s %8s  %s\n' fault injected 'what became of it'; \
	sed -n 's/^ *[a-z_]*\.go:[0-9]*: FAULT | //p' "$$log" | awk -F ' [|] ' '{ printf "%-52s %8s  %s\n", $$1, $$2, $$3 }'; \
	exit $$state

test-services: postgres build ## break the services at full length: floods, slow callers, resets, a database and a ledger that are gone for a minute; prints the table, fails where one test fails
	go test -count=1 -run '^TestScripts$$/^(api|remote|serve)$$' ./cmd/zkconsent
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; state=0; \
	ZKCONSENT=$(CURDIR)/bin/zkconsent ZKCONSENT_SERVICES=1 go test -count=1 -p 1 -timeout 75m -run '^TestFault|^TestAttack_Fleet|^TestAttack_Replicas|^TestRefusesServersThatForget|^TestServeOnPostgres' -v \
	  ./internal/... ./client/... ./verifier/... ./cmd/... ./benchmarks 2>&1 | tee "$$log" | \
	  awk '/^(--- |ok |FAIL|panic)/ && !/no tests to run/ { print; fflush() }' || state=1; \
	[ $$state = 0 ] || { echo; grep -v '^=== ' "$$log"; }; \
	echo; printf '%-52s %8s  %s\n' fault injected 'what became of it'; \
	sed -n 's/^ *[a-z_]*\.go:[0-9]*: FAULT | //p' "$$log" | awk -F ' [|] ' '{ printf "%-52s %8s  %s\n", $$1, $$2, $$3 }'; \
	exit $$state

assurance: ## what the circuits' soundness rests on, in figures; prints the table of docs/assurance.md, fails where one falls short
	@go run ./internal/assurance/run -out $(CACHE)/assurance

test-fhir: ## the FHIR compiler's tests and HL7's official examples (fetched once, 19 MB)
	examples=$$(consent/fhir/fetch-examples.sh) && \
	ZKCONSENT_FHIR_EXAMPLES=$$examples go test -count=1 -timeout 15m -tags fhirexamples ./consent/fhir/...

figures: ## measure circuits, proving, verifying; prints the tables
	go test -count=1 -v -timeout 15m -run 'TestFigures$$' ./benchmarks

figures-ledger: build ## measure durable commits, one validator and four processes, disk, new members that take ZKCONSENT_LEAVES (100000); prints the tables
	ZKCONSENT=$(CURDIR)/bin/zkconsent go test -count=1 -v -timeout 90m -run '^TestLedger' ./benchmarks

figures-services: build ## hold a load on the services for ZKCONSENT_LOAD (10m); prints the tables, fails where a verdict is wrong or memory grows
	ZKCONSENT=$(CURDIR)/bin/zkconsent ZKCONSENT_LOAD=$${ZKCONSENT_LOAD:-10m} go test -count=1 -v -timeout 60m -run '^TestServicesLoad' ./benchmarks

figures-idle: ## the disk of an idle ledger: an hour, and the month computed from it
	ZKCONSENT_IDLE=1h go test -count=1 -v -timeout 75m -run TestIdleFigures ./benchmarks

figures-scale: ## what a leaf costs as the registry grows to ZKCONSENT_LEAVES (1000000); 10000000 takes an hour and 20 GB
	ZKCONSENT_LEAVES=$${ZKCONSENT_LEAVES:-1000000} go test -count=1 -v -timeout 6h -run 'TestScale$$' ./benchmarks

fuzz: ## each fuzz target for FUZZTIME (20s); a line for each, and failure if one fails
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; targets=0; failed=0; \
	while read -r file target; do \
	  dir=$$(dirname "$$file"); state=ok; targets=$$((targets + 1)); \
	  go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $(FUZZFLAGS) "$$dir" </dev/null >"$$log" 2>&1 || \
	    { grep -q '^    context deadline exceeded' "$$log" && ! grep -q 'Failing input' "$$log"; } || { state=FAILED; failed=$$((failed + 1)); }; \
	  execs=$$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$$log" | tail -n 1); \
	  printf '%-6s %-28s %-24s %12s executions\n' "$$state" "$$dir" "$$target" "$${execs:-0}"; \
	  [ "$$state" = ok ] || cat "$$log"; \
	done < <(grep -rHo --include='*_test.go' --exclude-dir=.cache --exclude-dir=tools '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func / /' | sort); \
	echo "$$targets fuzz targets, $$failed failed"; [ "$$targets" -gt 0 ] && [ "$$failed" -eq 0 ]

clean: ## remove what was built
	rm -rf bin $(CACHE)

# The tools live in modules of their own, so that they weigh on nothing else.
$(BIN)/.lint: tools/lint/go.mod tools/lint/go.sum $(wildcard tools/lint/*/*.go)
	GOBIN=$(BIN) go -C tools/lint install tool ./...
	@touch $@

$(BIN)/.proto: tools/proto/go.mod tools/proto/go.sum $(wildcard tools/proto/*.go)
	GOBIN=$(BIN) go -C tools/proto install tool .
	@touch $@

$(BIN)/.buf: tools/buf/go.mod tools/buf/go.sum
	GOBIN=$(BIN) go -C tools/buf install tool
	@touch $@

$(BIN)/.sbom: tools/sbom/go.mod tools/sbom/go.sum $(wildcard tools/sbom/*/*.go)
	GOBIN=$(BIN) go -C tools/sbom install tool ./...
	@touch $@
