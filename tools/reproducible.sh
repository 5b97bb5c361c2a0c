#!/usr/bin/env bash
# Builds the program once more, where everything that ought not to matter is
# different: a copy of the tree in another folder, another home, another folder
# for what is temporary, an empty build cache. Fails if one byte differs from the
# binary that it is given, or if the binary names a folder of this machine. If
# all is well it prints the digest, and all that the bytes depend on.
#
# One path does matter: gnark-crypto includes assembler files from other folders
# of its module, and Go writes their paths into the binary as they are, -trimpath
# or not. Who compares has to have the modules at the same path.
#
# Usage: tools/reproducible.sh bin/zkconsent
set -euo pipefail
first=$(realpath "${1:?the binary to compare with}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
modules=$(go env GOMODCACHE)
cgo=$(go env CGO_ENABLED)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/a folder/of another length" "$folder/home"
tree="$folder/a folder/of another length"
git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' name; do [ ! -f "$name" ] || printf '%s\0' "$name"; done |
  tar --null --files-from - --create --file - | tar --extract --file - --directory "$tree"

env -i PATH="$PATH" HOME="$folder/home" TMPDIR="$folder" GOCACHE="$folder/cache" GOMODCACHE="$modules" GOPROXY=off \
  GOTOOLCHAIN=local GOENV=off CGO_ENABLED="$cgo" GOFLAGS=-buildvcs=false \
  go -C "$tree" build -trimpath -o "$folder/second" ./cmd/zkconsent

if ! cmp "$first" "$folder/second"; then
  echo "reproducible: two builds of one tree differ; what they say of themselves:"
  diff <(go version -m "$first" | tail -n +2) <(go version -m "$folder/second" | tail -n +2) || true
  echo "paths of modules in the first:"
  grep -aoE '/[A-Za-z0-9_./-]*/pkg/mod/[A-Za-z0-9_./@!-]+' "$first" | sort -u | head -n 20 || true
  exit 1
fi
for path in "$root/" "$folder" "$(go env GOCACHE)" "$(go env GOROOT)/"; do
  if grep -aqF "$path" "$first"; then
    echo "reproducible: the binary names $path"
    exit 1
  fi
done
echo "reproducible: sha256 $(sha256sum <"$first" | cut -d' ' -f1)"
echo "of $(go env GOVERSION) $(go env GOOS)/$(go env GOARCH), CGO_ENABLED=$cgo, modules at $modules"
if [ "$cgo" = 1 ]; then
  echo "and $({ ${CC:-gcc} --version || echo 'no C compiler'; } 2>/dev/null | head -n 1)"
fi
