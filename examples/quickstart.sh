#!/usr/bin/env bash
# From a fresh clone to a trained U-Net and its report, on a CPU, in minutes.
# usage: bash examples/quickstart.sh [DATA] [--yes]
#   DATA    a folder with images/ and masks/ (same names); without it, skin phantoms are drawn
#   --yes   install missing packages without asking
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
data='' yes=()
for a in "$@"; do
  case $a in
    --yes) yes=(--yes) ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) echo "quickstart.sh: unknown option $a (known: --yes)" >&2; exit 2 ;;
    *) data=$(realpath -m "$a") ;;
  esac
done
if [[ -n $data && ! -d $data ]]; then echo "quickstart.sh: $data is no folder" >&2; exit 3; fi
cd "$root"

started=$SECONDS
split=()
phase() { split+=("$(printf '%-10s %4d s' "$1" $((SECONDS - since)))"); since=$SECONDS; }
since=$SECONDS

bash third_party/install.sh "${yes[@]}"
phase install

cmake --preset cpu -DLAMINA_BUILD_TESTS=OFF -DLAMINA_BUILD_BENCHMARKS=OFF -DLAMINA_JOIN_FILES=ON -DLAMINA_ISAS=native > /dev/null
cmake --build build/cpu --target lamina_cli
lamina=build/cpu/bin/lamina
phase build

if [[ -z $data ]]; then
  data=runs/quickstart-data
  [[ -f $data/dataset.json ]] || "$lamina" phantom skin "$data" --count 96 --size 160 --seed 1
  out=runs/quickstart
else
  out=runs/$(basename "$data")
fi
"$lamina" check "$data"
phase data

"$lamina" train "$data" --out "$out" --preset bn --base 16 --depth 4 --size 128 --batch 4 --lr 2e-3 --augment hflip --epochs 24
phase train

"$lamina" evaluate "$out" "$data" --split val
first=$(find "$data/images" -type f -iregex '.*/[^./][^/]*\.\(png\|jpe?g\|bmp\|p[bgpn]m\|tiff?\)' | sort | sed -n 1p)
"$lamina" predict "$out" "$first" --out "$out/predictions"
phase evaluate

printf '\n'
printf '%s\n' "${split[@]}"
printf 'total      %4d s\n\nThe program is %s\n' $((SECONDS - started)) "$root/$lamina"
printf 'To call it lamina, here:  export PATH="$PATH:%s"\nFor good:  cmake --install build/cpu --prefix ~/.local\nOpen %s/report.html\n' "$root/build/cpu/bin" "$out"
