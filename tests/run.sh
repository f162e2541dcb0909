#!/usr/bin/env bash
# Builds and runs every test that a fresh machine can run, meant to take at most 10 minutes on 2 cores. usage: bash tests/run.sh [--yes] [--full]
#   --yes   install missing packages without asking (needs root)
#   --full  also the build without CUDA kernels, the sub-project and package tests, the older instruction set, the sanitizers, every order
#           of the host shim, a tenth of the planted faults, Clang and nvcc
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
build() {
  cmake --preset "$1" "${@:3}" > /dev/null
  cmake --build "build/$1" --target "$2"
}
check() { ctest --test-dir "build/$1" -j "$(nproc)" --no-tests=error --output-on-failure "${@:2}"; }
# One build holds everything: the CPU kernels, and the CUDA kernels on the host shim. Without the latter: --full, and the quickstart.
build shim all
check shim -LE full
if ((full)); then
  # The options are said again: the quickstart leaves a cache without tests, of one instruction set, in build/cpu. A file at a time: each has the includes it needs.
  build cpu all -DLAMINA_BUILD_TESTS=ON -DLAMINA_BUILD_BENCHMARKS=ON -DLAMINA_JOIN_FILES=OFF -DLAMINA_ISAS=all
  check cpu
  LAMINA_ISA=v3 check shim -LE 'full|tree'
  for order in descending shuffled:1 shuffled:2; do LAMINA_SHIM_ORDER=$order check shim -L device; done
  for sanitizer in asan tsan; do # the shim again: CPU kernels, CUDA kernels and everything above them
    build "$sanitizer" all
    check "$sanitizer" -LE 'full|tree'
  done
  python3 tools/mutate.py --sample 0.1 # a tenth of the planted faults, another one each time
  if command -v clang++ > /dev/null; then build clang lamina; else echo "skipped: clang++ was not found, so the library was not built with it"; fi
  if command -v nvcc > /dev/null; then build cuda lamina; else echo "skipped: nvcc was not found, so the CUDA kernels were not compiled for a GPU"; fi
fi
