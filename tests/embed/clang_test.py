#!/usr/bin/env python3
"""What Clang says of the umbrella header, alone, and of the library's sources without CUDA, where a build joins them (half a minute; a file
at a time would be ten): nothing. Skipped without clang++. usage: clang_test.py SOURCE_DIR BUILD_DIR"""
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def main(source, build):
    if not shutil.which("clang++"):
        print("clang_test.py: skipped: there is no clang++ here")
        return 77
    here = build / "clang"  # the configuration of a build without CUDA: Clang 14 does not read what the host shim includes
    (here / "lamina").mkdir(parents=True, exist_ok=True)
    config = (build / "generated/lamina/config.hpp").read_text()
    (here / "lamina/config.hpp").write_text(config.replace("LAMINA_HAS_CUDA 1", "LAMINA_HAS_CUDA 0"))
    umbrella = here / "umbrella.cpp"
    umbrella.write_text('#include "lamina/lamina.hpp"\n')
    commands = [f"clang++ -std=c++20 -Wall -Wextra -I{source}/include -I{here} -c {umbrella}"]
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if "/lamina.dir/Unity/" in entry["command"]:
            command = re.sub(r"^(\S*ccache )?\S+", "clang++ -Wno-unknown-warning-option", entry["command"])
            commands.append(re.sub(r" -fsanitize\S+| -o \S+", "", command.replace(f"{build}/generated", str(here))))

    def complaints(command):
        return subprocess.run(command + " -fsyntax-only -Werror", shell=True, cwd=build, capture_output=True, text=True).stderr

    with ThreadPoolExecutor(2) as pool:
        found = "".join(pool.map(complaints, commands))
    print(found + f"{len(commands)} files were read by clang++")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
