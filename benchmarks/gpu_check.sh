#!/usr/bin/env bash
# Checks and measures Lamina on a machine with one GPU, CUDA and PyTorch. Each part takes at most 8 minutes; what did not fit is done by
# running the same command again: a finished step leaves a file in the output folder and is not repeated until Lamina is built anew.
#
#   bash benchmarks/gpu_check.sh --part check [--out DIR] [--minutes 8]
#     builds; runs the test suite, which checks every kernel on the GPU (poisoned outputs, odd shapes, slices, the same bytes twice); trains
#     a U-Net on both devices and compares; runs the program on phantoms in f32 and bf16; runs compute-sanitizer's memcheck, racecheck and synccheck on the convolutions and a few ops
#   bash benchmarks/gpu_check.sh --part bench [--out DIR] [--minutes 8]
#     builds; runs every benchmark on the GPU; times PyTorch's ops in the same shapes, and training steps beside PyTorch, eager and compiled;
#     writes benchmarks/results/gpu/DEVICE.json and ends with short tables
#
# Without a GPU it compiles the kernels and says what it skipped; without nvcc it skips everything. Exit code 0: all done or skipped;
# 1: something failed; 3: time ran out on a GPU, run it again. DIR is build/gpu_check unless given; it builds in build/gpu. Environment:
#   PYTHON                     the Python that holds PyTorch (python3)
#   LAMINA_CUDA_ARCHITECTURES  what to compile for (this GPU alone; 90a-real without one)
#   LAMINA_DEPS                a prefix with the packages of third_party/README.md, for a machine that lacks them. To make one on a
#                              Debian machine, in a folder that git ignores (.deps):
#                              apt-get download libeigen3-dev nlohmann-json3-dev doctest-dev libbenchmark-dev libbenchmark1debian \
#                                libpng-dev libjpeg62-turbo-dev zlib1g-dev libstb-dev libcli11-dev libtomlplusplus-dev && for f in *.deb; do dpkg -x $f .; done
#                              and then LAMINA_DEPS=.deps/usr
set -uo pipefail
cd "$(dirname "$0")/.." || exit
part="" out=build/gpu_check minutes=8
while (($#)); do
  case $1 in
    --part) part=${2-} ;;
    --out) out=${2-} ;;
    --minutes) minutes=${2-} ;;
    *) echo "gpu_check.sh: unknown option $1 (known: --part --out --minutes)" >&2; exit 2 ;;
  esac
  shift $(($# > 1 ? 2 : 1))
done
[[ $part == check || $part == bench ]] || { echo "usage: gpu_check.sh --part check|bench [--out DIR] [--minutes 8]" >&2; exit 2; }
python=${PYTHON:-python3} build=build/gpu report_seconds=10
deps=""
if [[ -n ${LAMINA_DEPS:-} ]]; then
  deps=$(realpath -e "$LAMINA_DEPS") || exit 2
  export CPATH=$deps/include/x86_64-linux-gnu${CPATH:+:$CPATH}  # Debian's jconfig.h: a prefix is searched for include/ alone
fi
deadline=$((SECONDS + minutes * 60)) failed=() unfinished=() skipped=()
export PATH="$PATH:/usr/local/cuda/bin"
mkdir -p "$out"

have() { command -v "$1" > /dev/null; }
left() { echo $((deadline - report_seconds - SECONDS)); }
skip() { skipped+=("$1"); }

# step NAME SECONDS COMMAND...: runs it for at most so long, its output in NAME.log; what it prints last is shown when it fails. To take
# longer is to fail too, unless the part had less time left. 77: compute-sanitizer does not work here.
step() {
  local name=$1 limit=$2 most=$2 start=$SECONDS code
  shift 2
  if [[ $out/$name.done -nt $out/built_$part ]]; then
    echo "done before: $name"
    return 0
  fi
  ((most > $(left))) && most=$(left)
  if ((most < 1)); then
    unfinished+=("$name")
    return 1
  fi
  mkdir -p "$(dirname "$out/$name")"
  timeout -k 5 "$most" "$@" > "$out/$name.log" 2>&1
  code=$?
  if [[ $1 == compute-sanitizer ]] && grep -q 'Device not supported' "$out/$name.log"; then
    skip "compute-sanitizer: Device not supported ($out/$name.log)"
    return 77
  fi
  if ((code == 0)); then
    echo "ok: $name, $((SECONDS - start)) s"
    touch "$out/$name.done"
  elif ((most < limit && (code == 124 || code == 137))); then
    echo "out of time: $name, after $((SECONDS - start)) s"
    unfinished+=("$name")
  else
    echo "FAILED ($code), after $((SECONDS - start)) of $limit s: $name; the end of $out/$name.log:"
    tail -n 20 "$out/$name.log"
    failed+=("$name")
  fi
  return $code
}
finish() {
  local what
  for what in "${skipped[@]}"; do echo "gpu_check $part: skipped: $what"; done
  ((${#failed[@]})) && echo "gpu_check $part: FAILED: ${failed[*]}" && exit 1
  if ((${#unfinished[@]})); then
    echo "gpu_check $part: time ran out at: ${unfinished[*]}; run it again to go on"
    exit $((gpu ? 3 : 0))
  fi
  echo "gpu_check $part: done"
  exit 0
}

gpu=0
if ! have nvcc; then
  skip "everything: there is no nvcc"
  finish
fi
if have nvidia-smi && nvidia-smi -L > /dev/null 2>&1; then
  gpu=1
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
fi
nvcc --version | tail -n 2 | head -n 1

architectures=${LAMINA_CUDA_ARCHITECTURES:-}
if [[ -z $architectures ]]; then
  architectures=90a-real
  if ((gpu)); then
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
    [[ $capability == 90 ]] || architectures=$capability-real
  fi
fi
# build TARGET...: as far as the time allows; the build system goes on from there.
build() {
  local log=$out/build_$part.log start=$SECONDS code
  # shellcheck disable=SC2016  # for the inner shell
  timeout -k 5 "$(left)" bash -c '
    set -e
    cmake --preset cuda -B "$1" -DCMAKE_CUDA_FLAGS=-lineinfo -DLAMINA_CUDA_ARCHITECTURES="$2" -DLAMINA_JOIN_FILES=ON \
      ${3:+-DCMAKE_PREFIX_PATH="$3"}
    cmake --build "$1" --target "${@:4}"' build "$build" "$architectures" "$deps" "$@" > "$log" 2>&1
  code=$?
  if ((code == 0)); then
    if ! [[ -e $out/built_$part ]] || ! grep -q 'no work to do' "$log"; then touch "$out/built_$part"; fi
    echo "built for $architectures, $((SECONDS - start)) s: $*"
  elif ((code == 124 || code == 137)); then
    echo "out of time: build, after $((SECONDS - start)) s: $(grep -o '^\[[0-9]*/[0-9]*\]' "$log" | tail -n 1)"
    unfinished+=(build)
  else
    echo "FAILED ($code): build; the end of $log:"
    tail -n 20 "$log"
    failed+=(build)
  fi
  return $code
}

if ((!gpu)); then
  build lamina_kernels_cuda
  skip "$([[ $part == check ]] && echo "tests, training, compute-sanitizer" || echo "benchmarks, PyTorch, the report"): there is no GPU"
  finish
fi

areas=(core ops nn optim models heads losses train cli)
if [[ $part == check ]]; then
  build "${areas[@]/%/_tests}" || finish
  step train 60 "$build/tests/train_tests" --test-case='20 steps of a U-Net have the same losses*'
  for area in "${areas[@]}"; do step "tests/$area" 240 "$build/tests/${area}_tests"; done
  # shellcheck disable=SC2016  # for the inner shell
  step program 90 bash -c '
    set -e
    lamina=$PWD/$1 && rm -rf "$2" && mkdir -p "$2" && cd "$2"
    "$lamina" phantom skin data --count 120 --size 128 --seed 1 --quiet
    for precision in f32 bf16; do
      "$lamina" train data --out $precision --base 16 --epochs 15 --device cuda --precision $precision --quiet
      "$lamina" evaluate $precision data --device cuda --quiet
      "$lamina" evaluate $precision data --quiet
    done
    "$lamina" predict f32 data/images --out predicted --device cuda --quiet' program "$build/bin/lamina" "$out/program"
  grep -qs 'skipped on cuda' "$out/train.log" "$out"/tests/*.log && echo "FAILED: the tests found no GPU" && failed+=("no GPU in the tests")
  if have compute-sanitizer; then
    for tool in memcheck racecheck synccheck; do
      sanitizer=(compute-sanitizer --tool "$tool" --error-exitcode 9 "$build/tests/ops_tests")
      step "sanitizer/$tool" 180 "${sanitizer[@]}" \
        --source-file='*/softmax_test.cpp,*/pool2d_test.cpp,*/batch_norm2d_test.cpp,*/segmentation_loss_test.cpp'
      (($? == 77)) && break
      step "sanitizer/${tool}_conv2d" 180 "${sanitizer[@]}" --test-case='every CUDA algorithm and tile*'
    done
  else
    skip "compute-sanitizer: it is not installed"
  fi
  finish
fi

benches=()
for source in benchmarks/*_bench.cpp; do
  [[ $source == */loader_bench.cpp ]] || benches+=("$(basename "$source" .cpp)")  # the loader is the CPU's
done
build "${benches[@]}" compare_lamina || finish
for bench in "${benches[@]}"; do
  step "ops/$bench" 240 "$build/benchmarks/$bench" --benchmark_filter=/cuda/ --benchmark_min_time=0.03 \
    --benchmark_out="$out/ops/$bench.json" --benchmark_out_format=json
done
for case in "4 256 16 4 12" "8 256 64 4 32"; do  # batch, size, base, depth, classes; its log is JSON
  for precision in f32 bf16; do
    # shellcheck disable=SC2086  # words
    step "steps/${case// /_}.lamina_$precision" 60 "$build/benchmarks/compare_lamina" unet train $case 10 4 cuda $precision
  done
done
if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
  step pytorch_steps_eager 60 "$python" benchmarks/gpu_pytorch.py steps "$out/pytorch_steps.json" eager_f32 eager_bf16
  step pytorch_ops 480 "$python" benchmarks/gpu_pytorch.py ops "$out/pytorch_ops.json" "$out"/ops/*.json
  step pytorch_steps_compiled 150 "$python" benchmarks/gpu_pytorch.py steps "$out/pytorch_steps.json" compile_bf16
else
  skip "the comparison: $python has no PyTorch that sees the GPU (set PYTHON)"
fi
"$python" benchmarks/gpu_report.py "$out" || ((${#unfinished[@]})) || failed+=(report)  # without a bench there is nothing to join
finish
