#!/usr/bin/env bash
# Builds a consumer outside the tree both ways: against an installed Lamina, and with Lamina as a sub-project.
# usage: embed_test.sh SOURCE_DIR BUILD_DIR CXX
set -euo pipefail
source=$1 build=$2 cxx=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$source/tests/embed/consumer" "$work/consumer"
configure() { cmake -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$cxx" "$@" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }
build() { cmake --build "$1" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }; }

cmake --install "$build" --prefix "$work/prefix" > /dev/null
configure -S "$work/consumer" -B "$work/installed" -DCMAKE_PREFIX_PATH="$work/prefix"
build "$work/installed"
output=$("$work/installed/consumer" 2> "$work/stderr")
[[ $output == *" ok" && ! -s $work/stderr ]] || { echo "installed: unexpected output: $output $(cat "$work/stderr")"; exit 1; }
if grep -rlE '#include <(Eigen|nlohmann|png|jpeglib|iostream)' "$work/prefix/include" --include=*.hpp; then echo "an installed header includes a private dependency"; exit 1; fi
if [[ -n $(find "$work/prefix/include" -name '*.ipp') ]]; then echo "an implementation file was installed"; exit 1; fi

if [[ ${LAMINA_EMBED_SUBPROJECT:-1} == 1 ]]; then
  configure -S "$work/consumer" -B "$work/subproject" -DLAMINA_SOURCE_DIR="$source"
  build "$work/subproject"
  [[ $("$work/subproject/consumer") == *" ok" ]] || { echo "the consumer of the sub-project failed"; exit 1; }
fi
echo "embedding: ok"
