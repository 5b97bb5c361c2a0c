#!/usr/bin/env bash
# Builds the program once more, where everything that ought not to matter is
# different: a copy of the tree in another folder, another home, another path to
# the modules, an empty build cache. Fails if one byte differs from the binary
# that it is given, and prints the digest if none does.
#
# Usage: tools/reproducible.sh bin/zkconsent
set -euo pipefail
first=$(realpath "${1:?the binary to compare with}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
modules=$(go env GOMODCACHE)
cgo=$(go env CGO_ENABLED)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/a folder/of another length" "$folder/home"
tree="$folder/a folder/of another length"
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' name; do [ ! -f "$name" ] || printf '%s\0' "$name"; done |
  tar --null --files-from - --create --file - | tar --extract --file - --directory "$tree"
ln -s "$modules" "$folder/modules"

env -i PATH="$PATH" HOME="$folder/home" TMPDIR="$folder" GOCACHE="$folder/cache" GOMODCACHE="$folder/modules" GOPROXY=off \
  GOTOOLCHAIN=local GOENV=off CGO_ENABLED="$cgo" GOFLAGS=-buildvcs=false \
  go -C "$tree" build -trimpath -o "$folder/second" ./cmd/zkconsent

if ! cmp "$first" "$folder/second"; then
  echo "reproducible: two builds of one tree differ; what they say of themselves:"
  diff <(go version -m "$first" | tail -n +2) <(go version -m "$folder/second" | tail -n +2) || true
  exit 1
fi
with=""
if [ "$cgo" = 1 ]; then
  with=", and $({ ${CC:-gcc} --version || echo no C compiler; } 2>/dev/null | head -n 1)"
fi
echo "reproducible: sha256 $(sha256sum <"$first" | cut -d' ' -f1), CGO_ENABLED=$cgo, $(go env GOOS)/$(go env GOARCH), $(go env GOVERSION)$with"
