#!/usr/bin/env bash
# Builds and runs every test that a fresh machine can run. usage: bash tests/run.sh [--yes] [--full]
#   --yes   install missing packages without asking (needs root)
#   --full  also AddressSanitizer and ThreadSanitizer builds
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
one() { cmake --preset "$1" > /dev/null && cmake --build "build/$1" && ctest --test-dir "build/$1" --output-on-failure; }
one cpu
if ((full)); then one asan; one tsan; fi
