#!/usr/bin/env bash
# The main job on real photographs, ours and PyTorch's in turn: scores of three seeds and training images a second.
# usage: PYTHON=VENV/bin/python benchmarks/real_data.sh DATA_DIR [--seeds 0,1,2] [--sets wound_fuseg,camvid_small] [--results DIR]
#   DATA_DIR   holds wound_fuseg/ and camvid_small/ (not part of the repository)
#   PYTHON     a Python with torch 2.x, numpy and pillow
# Every finished run is a file in the results folder and is not repeated: stop it and start it again as you like.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cmake --preset cpu -S "$root" > /dev/null 2>&1 || (cd "$root" && cmake --preset cpu)
cmake --build "$root/build/cpu" --target lamina_cli > /dev/null
exec "${PYTHON:-python3}" "$root/benchmarks/real_data.py" --lamina "$root/build/cpu/bin/lamina" "$@"
