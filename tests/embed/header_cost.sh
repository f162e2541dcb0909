#!/usr/bin/env bash
# The umbrella header has no more preprocessed lines than 1.3 x <Eigen/Core>, and reaches no heavy header.
# usage: header_cost.sh SOURCE_DIR BUILD_DIR CXX EIGEN_INCLUDE_DIR
set -euo pipefail
source=$1 build=$2 cxx=$3 eigen=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo '#include "lamina/lamina.hpp"' > "$work/lamina.cpp"
echo '#include <Eigen/Core>' > "$work/eigen.cpp"
compile() { "$cxx" -std=c++20 -O2 -I"$source/include" -I"$build/generated" -isystem "$eigen" "$@"; }
compile -E "$work/lamina.cpp" > "$work/lamina.i"
compile -E "$work/eigen.cpp" > "$work/eigen.i"
if grep -E '^# 1 ".*(/Eigen/|nlohmann|/CLI/|/iostream"|/regex"|png\.h|jpeglib\.h)' "$work/lamina.i"; then
  echo "header_cost.sh: the umbrella header reaches a private or heavy header" >&2
  exit 1
fi
ours=$(wc -l < "$work/lamina.i") eigens=$(wc -l < "$work/eigen.i")
echo "preprocessed lines: lamina/lamina.hpp $ours, <Eigen/Core> $eigens"
((ours * 10 <= eigens * 13)) || { echo "header_cost.sh: the umbrella header costs more than 1.3 x <Eigen/Core>" >&2; exit 1; }
