#!/usr/bin/env bash
# The umbrella header, alone and without a warning, with Clang. usage: clang_headers.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
if ! command -v clang++ > /dev/null; then
  echo "clang_headers.sh: skipped: there is no clang++ here"
  exit 77
fi
echo '#include "lamina/lamina.hpp"' | clang++ -x c++ -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I"$1/include" -I"$2/generated" -
