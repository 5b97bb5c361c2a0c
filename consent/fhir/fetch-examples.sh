#!/bin/sh
# Fetches HL7's official R4 examples once, checks the archive's pinned digest
# and unpacks the resources that TestOfficialExamples reads.
# Usage: fetch-examples.sh [directory]   (default: .cache/fhir at the top of the tree)
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=${1:-$top/.cache/fhir}
archive=hl7.fhir.r4.examples-4.0.1.tgz
sha256=dce87f1b5b9341867033f7d1f544fa1b5232503f6d62813887ac6b8a8b6cb682
mkdir -p "$dir"
cd "$dir"
if [ ! -f "$archive" ]; then
	npm pack --silent hl7.fhir.r4.examples@4.0.1 >/dev/null
fi
if ! echo "$sha256  $archive" | sha256sum -c --status; then
	echo "fetch-examples: $dir/$archive has another digest than the pinned one; remove it and try again" >&2
	exit 1
fi
tar xzf "$archive" --wildcards 'package/Consent-*' 'package/Coverage*' 'package/Patient-*' 'package/Condition-*' 'package/Observation-*'
echo "$dir/package"
