#!/usr/bin/env python3
"""Every code block of README.md works: C++ compiles, CMake configures and builds, verbs and options of `lamina` exist, other commands name
scripts that are there; tests/embed/aggregates.cpp compiles with every warning. usage: readme_test.py SOURCE_DIR BUILD_DIR CXX"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

root, build, cxx = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
problems = []


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        problems.append(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def cpp(code):
    run(cxx, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{root}/include", f"-I{build}/generated", "-x", "c++", "-", input=code)


def cmake(code):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run("cmake", "--install", build, "--prefix", folder / "prefix")
        (folder / "main.cpp").write_text('#include "lamina/lamina.hpp"\nint main() { return lamina::Tensor::zeros({2}).numel() == 2 ? 0 : 1; }\n')
        (folder / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.22)\nproject(readme LANGUAGES CXX)\n{code}")
        run("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={folder}/prefix", f"-DCMAKE_CXX_COMPILER={cxx}")
        run("cmake", "--build", folder / "build")


def sh(code):
    for line in re.sub(r"\\\n", " ", code).splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "lamina":
            verb = words[1:3] if words[1] in {"colorize"} else words[1:2]  # verbs below a verb
            known = run(build / "bin/lamina", *verb, "--help") + run(build / "bin/lamina", "--help")
            for option in (w for w in words[1 + len(verb):] if w.startswith("--")):
                if not re.search(rf"^ *{re.escape(option)}\b", known, re.M):
                    problems.append(f"lamina {' '.join(verb)} has no option {option}: {line}")
        elif words[0] == "cmake":
            presets = [p["name"] for p in json.loads((root / "CMakePresets.json").read_text())["configurePresets"]]
            if words[2].removeprefix("build/") not in presets:
                problems.append(f"there is no preset {words[2]}: {line}")
        elif words[0] == "bash":
            run("bash", "-n", root / words[1])
            known = (root / words[1]).read_text()
            problems.extend(f"{words[1]} knows no {w}: {line}" for w in words[2:] if w.startswith("--") and w not in known)
        else:
            problems.append(f"no rule for testing: {line}")


blocks = re.findall(r"^```(\w*)\n(.*?)^```", (root / "README.md").read_text(), re.M | re.S)
rules = {"cpp": cpp, "cmake": cmake, "sh": sh, "text": lambda code: None}
for language, code in blocks:
    if language in rules:
        rules[language](code)
    else:
        problems.append(f"a README block has the language {language!r}; known: {', '.join(rules)}")
cpp((root / "tests/embed/aggregates.cpp").read_text())
if {"cpp", "cmake", "sh"} - {language for language, _ in blocks}:
    problems.append("README.md has no block of some language: the test sees nothing")
for link in re.findall(r"\]\(([^)#:]+)\)", (root / "README.md").read_text()):
    if not (root / link).exists():
        problems.append(f"README.md links to {link}, which is not there")
print("\n".join(problems))
sys.exit(bool(problems))
