#!/usr/bin/env bash
# cpack writes archives that hold the program, its manual, the library and what finds it. usage: package_test.sh BUILD_DIR
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "package_test.sh: $*" >&2; exit 1; }
[[ -x $build/bin/lamina ]] || { echo "package_test.sh: skipped: the program was not built"; exit 77; }
generators=TGZ
if command -v dpkg-deb > /dev/null; then generators="TGZ;DEB"; fi
cpack --config "$build/CPackConfig.cmake" -G "$generators" -B "$work" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "cpack failed"; }
tar -tf "$work"/lamina-*.tar.gz > "$work/names"
if [[ $generators == *DEB* ]]; then
  dpkg-deb -c "$work"/lamina_*.deb > "$work/deb"
  dpkg-deb -f "$work"/lamina_*.deb Depends | grep -q libpng || fail "the package does not depend on libpng"
fi
for list in "$work/names" "$work/deb"; do
  [[ -f $list ]] || continue
  for file in usr/bin/lamina usr/share/bash-completion/completions/lamina usr/share/man/man1/lamina.1 usr/share/doc/lamina/LICENSE lamina.pc laminaConfig.cmake liblamina.a lamina/lamina.hpp; do
    grep -q "$file$" "$list" || fail "$file is missing in $(basename "$list")"
  done
done
echo "packages ($generators): ok"
