#!/usr/bin/env bash
# Builds a consumer outside the tree: against an installed Lamina, and, with `subproject`, with Lamina as a part of it (which compiles
# the library again: minutes). usage: embed_test.sh SOURCE_DIR BUILD_DIR CXX installed|subproject
set -euo pipefail
source=$1 build=$2 cxx=$3 variant=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "embed_test.sh: $*" >&2; exit 1; }
quietly() { "$@" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "failed: $*"; }; }
cp -r "$source/tests/embed/consumer" "$work/consumer"

case $variant in
  installed)
    quietly cmake --install "$build" --prefix "$work/stage"
    mv "$work/stage" "$work/prefix"  # a package must not know where it was installed
    option=-DCMAKE_PREFIX_PATH=$work/prefix ;;
  subproject) option=-DLAMINA_SOURCE_DIR=$source ;;
  *) fail "unknown variant $variant" ;;
esac
quietly cmake -G Ninja -S "$work/consumer" -B "$work/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER="$cxx" "$option"
quietly cmake --build "$work/build"
output=$("$work/build/consumer" 2> "$work/stderr") || fail "the consumer failed: $output $(cat "$work/stderr")"
[[ $output == *" ok" && ! -s $work/stderr ]] || fail "the consumer printed: $output $(cat "$work/stderr")"

if [[ $variant == installed ]]; then
  headers=$work/prefix/include/lamina
  [[ -f $headers/config.hpp && -f $headers/lamina.hpp ]] || fail "lamina.hpp or config.hpp was not installed"
  [[ -z $(find "$work/prefix/include" -type f ! -name '*.hpp') ]] || fail "something else than headers was installed"
  [[ -z $(find "$headers" -path '*impl*' -o -path '*detail*') ]] || fail "private headers were installed"
  if grep -rF -e "$source" -e "$work/stage" "$work/prefix/lib"*/cmake "$work/prefix/lib"/*/cmake 2> /dev/null; then fail "the package names a folder of this machine"; fi
  [[ ! -x $build/bin/lamina || -x $work/prefix/bin/lamina ]] || fail "the lamina program was not installed"
  for file in bash-completion/completions/lamina zsh/vendor-completions/_lamina fish/vendor_completions.d/lamina.fish man/man1/lamina.1 doc/lamina/LICENSE; do
    [[ ! -x $build/bin/lamina || -s $work/prefix/share/$file ]] || fail "share/$file was not installed"
  done
  if command -v pkg-config > /dev/null; then
    export PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name lamina.pc)")
    quietly "$cxx" "$source/tests/embed/consumer/main.cpp" $(pkg-config --cflags --libs lamina) -o "$work/plain"
    [[ $("$work/plain") == *" ok" ]] || fail "the program built by pkg-config's flags alone"
  fi
  # All installed headers compile without a private dependency in sight.
  (cd "$work/prefix/include" && find lamina -name '*.hpp' | sort | sed 's/.*/#include "&"/') > "$work/all.cpp"
  "$cxx" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -I"$work/prefix/include" "$work/all.cpp" || fail "the installed headers do not compile together"
fi
echo "embedding ($variant): ok"
