#!/usr/bin/env bash
# The umbrella header costs no more to compile than 1.3 x <Eigen/Core>. Always: by preprocessed lines. With `timed`: by user time too, the
# least of several runs taken in turn. usage: header_cost.sh SOURCE_DIR BUILD_DIR CXX EIGEN_INCLUDE_DIR [timed]
set -euo pipefail
source=$1 build=$2 cxx=$3 eigen=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include "lamina/lamina.hpp"' > "$work/lamina.cpp"
echo '#include <Eigen/Core>' > "$work/eigen.cpp"
compile() { "$cxx" -std=c++20 -O2 -I"$source/include" -I"$build/generated" -isystem "$eigen" "$@"; }
within() {  # what, ours, Eigen's
  echo "$1: lamina/lamina.hpp $2, <Eigen/Core> $3"
  (($2 * 10 <= $3 * 13)) || { echo "header_cost.sh: the umbrella header costs more than 1.3 x <Eigen/Core>" >&2; exit 1; }
}
compile -E "$work/lamina.cpp" > "$work/lamina.i"
compile -E "$work/eigen.cpp" > "$work/eigen.i"
if grep -E '^# 1 ".*(/Eigen/|nlohmann|/CLI/|/iostream"|/regex"|png\.h|jpeglib\.h)' "$work/lamina.i"; then
  echo "header_cost.sh: the umbrella header reaches a private or heavy header" >&2
  exit 1
fi
within "preprocessed lines" "$(wc -l < "$work/lamina.i")" "$(wc -l < "$work/eigen.i")"
[[ ${5:-} == timed ]] || exit 0

milliseconds() {
  local seconds
  seconds=$( { TIMEFORMAT=%U; time compile -c "$1" -o "$work/out.o"; } 2>&1 )
  awk "BEGIN { printf \"%d\", 1000 * $seconds }"
}
ours=999999 eigens=999999
for _ in 1 2 3 4 5 6 7; do
  t=$(milliseconds "$work/lamina.cpp"); ((t < ours)) && ours=$t
  t=$(milliseconds "$work/eigen.cpp"); ((t < eigens)) && eigens=$t
done
within "user milliseconds" "$ours" "$eigens"
