#!/usr/bin/env bash
# Installs the Debian/Ubuntu packages that Lamina builds with. usage: third_party/install.sh [--yes]
# As root or with --yes it installs what is missing; otherwise it prints the one command and asks.
set -euo pipefail
packages=(g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libpng-dev libjpeg-dev libtiff-dev libwebp-dev libstb-dev
          doctest-dev libbenchmark-dev binutils python3)
missing=()
for p in "${packages[@]}"; do
  status=$(dpkg-query -W -f '${Status} ${Provides}' "$p" 2>/dev/null || true)
  [[ $status == "install ok installed"* ]] || missing+=("$p")
done
if ((${#missing[@]} == 0)); then exit 0; fi
sudo=(); [[ $(id -u) == 0 ]] || sudo=(sudo)
command=("${sudo[@]}" apt-get install -y --no-install-recommends "${missing[@]}")
if [[ ${1:-} != --yes && $(id -u) != 0 ]]; then
  printf 'Lamina needs these packages:\n  %s\nInstall them now? [y/N] ' "${command[*]}"
  read -r answer || answer=n
  [[ $answer == [yY]* ]] || { echo "Run the command above, then try again." >&2; exit 1; }
fi
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${command[@]}" -qq > /dev/null
