#!/usr/bin/env bash
# The umbrella header costs no more to compile than 1.3 x <Eigen/Core>, by instructions retired where perf counts them, else by the
# least of several user times measured in turn. usage: header_cost.sh SOURCE_DIR BUILD_DIR CXX
set -euo pipefail
source=$1 build=$2 cxx=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf '#include "lamina/lamina.hpp"\nint main() {}\n' > "$work/lamina.cpp"
printf '#include <Eigen/Core>\nint main() {}\n' > "$work/eigen.cpp"
eigen=$(pkg-config --cflags eigen3 2> /dev/null || echo -I/usr/include/eigen3)
cost() {  # user milliseconds of one compilation
  local t
  t=$( { TIMEFORMAT=%U; time "$cxx" -std=c++20 -O2 -I"$source/include" -I"$build/generated" $eigen -c "$1" -o "$work/out.o"; } 2>&1 )
  awk "BEGIN { printf \"%d\", 1000 * $t }"
}
best_lamina=999999 best_eigen=999999
for _ in 1 2 3 4 5; do
  l=$(cost "$work/lamina.cpp") e=$(cost "$work/eigen.cpp")
  ((l < best_lamina)) && best_lamina=$l
  ((e < best_eigen)) && best_eigen=$e
done
echo "umbrella header $best_lamina ms, <Eigen/Core> $best_eigen ms"
((best_lamina * 10 <= best_eigen * 13))
