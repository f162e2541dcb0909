#!/usr/bin/env bash
# Builds and runs every test that a fresh machine can run, meant to take at most 15 minutes on 2 cores. usage: bash tests/run.sh [--yes] [--full]
#   --yes   install missing packages without asking (needs root)
#   --full  also the timed and sub-project tests, the older instruction set, AddressSanitizer and ThreadSanitizer
set -euo pipefail
cd "$(dirname "$0")/.."
yes=() full=0
for a in "$@"; do
  case $a in
    --yes) yes=(--yes) ;;
    --full) full=1 ;;
    *) echo "tests/run.sh: unknown option $a (known: --yes --full)" >&2; exit 2 ;;
  esac
done
bash third_party/install.sh "${yes[@]}"
build() { cmake --preset "$1" "${@:2}" > /dev/null && cmake --build "build/$1"; }
check() { ctest --test-dir "build/$1" --output-on-failure "${@:2}"; }
build cpu -DLAMINA_BUILD_BENCHMARKS="$([[ $full == 1 ]] && echo ON || echo OFF)"
check cpu -LE full
if ((full)); then
  check cpu -L full
  LAMINA_ISA=v3 check cpu -LE 'full|tree'
  for sanitizer in asan tsan; do
    build "$sanitizer" -DLAMINA_BUILD_BENCHMARKS=OFF
    check "$sanitizer" -LE 'full|tree'
  done
fi
