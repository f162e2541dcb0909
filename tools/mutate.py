#!/usr/bin/env python3
"""Plants faults, one at a time, and checks that a test catches each: tests/mutations/*.toml say which fault, where, and by which test.
usage: tools/mutate.py [--list | --check] [--only PATTERN] [--sample SHARE] [--seed N] [--jobs N]

A fault is a table [[fault]]: name; file, text, replacement (text occurs once in the file); test (a program of the build), case (its
test cases, as doctest's -tc takes them); preset (shim; otherwise cpu). The cases must pass on the right code and fail on the wrong one.
The tree is copied to build/mutate and built there, with little optimisation: the working tree is never touched. A fault is compiled
and linked beside that build, several at a time; a run that was interrupted goes on while the tree is the same."""
import argparse
import concurrent.futures
import fnmatch
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

try:
    import tomllib
except ImportError:
    print("skipped: tools/mutate.py needs Python 3.11 or later (tomllib)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "build/mutate/tree"
FIELDS = {"name", "file", "text", "replacement", "test", "case", "preset"}
SECONDS = 300  # a fault may make a test hang
COMPILING_HEADER = threading.Lock()


def read_faults():
    """All faults, those of one preset and file beside each other; errors are told by list and name."""
    faults, problems = [], []
    for path in sorted((ROOT / "tests/mutations").glob("*.toml")):
        for fault in tomllib.loads(path.read_text()).get("fault", []):
            fault["list"] = path.stem
            fault.setdefault("preset", "cpu")
            where = f"{path.name}: {fault.get('name', '?')}"
            wrong = (FIELDS ^ set(fault)) - {"list"}
            source = ROOT / fault.get("file", "?")
            if wrong:
                problems.append(f"{where}: missing or unknown: {', '.join(sorted(wrong))}")
            elif not source.is_file():
                problems.append(f"{where}: there is no {fault['file']}")
            elif (n := source.read_text().count(fault["text"])) != 1:
                problems.append(f"{where}: its text occurs {n} times in {fault['file']}, not once")
            elif fault["text"] == fault["replacement"]:
                problems.append(f"{where}: nothing is replaced")
            elif not has_case(fault):
                problems.append(f"{where}: no test case of {fault['test']} is called {fault['case']}")
            else:
                faults.append(fault)
    return sorted(faults, key=lambda f: (f["preset"], f["file"], f["test"])), problems


def full_name(fault):
    return f"{fault['list']}: {fault['name']}"


def has_case(fault):
    """Whether a TEST_CASE in the program's folder has a name that one of the patterns fits."""
    folder = ROOT / "tests" / fault["test"].removesuffix("_tests")
    names = [n for p in folder.glob("*_test.cpp") for n in names_of_cases(p)]
    return all(any(fits(n, p) for n in names) for p in patterns(fault["case"]))


def names_of_cases(path):
    return [n.replace('\\"', '"') for n in re.findall(r'TEST_CASE\("((?:[^"\\]|\\.)*)"', path.read_text())]


def fits(name, case):
    return any(fnmatch.fnmatch(name.lower(), p.lower().replace("[", "[[]")) for p in patterns(case))


def patterns(case):
    return [p.replace("\0", "\\,") for p in case.replace("\\,", "\0").split(",")]


def refresh_copy():
    """The tracked and new files of the working tree as they are; unchanged ones keep their times, so that little is built again. Their hash."""
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wanted = {n for n in names.split("\0") if n and (ROOT / n).is_file()}
    for name in wanted:
        to = COPY / name
        if not to.exists() or to.read_bytes() != (ROOT / name).read_bytes():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, to)
            shutil.copymode(ROOT / name, to)
    for path in COPY.rglob("*"):
        if path.is_file() and "build" not in path.relative_to(COPY).parts[:1] and str(path.relative_to(COPY)) not in wanted:
            path.unlink()
    whole = hashlib.sha256()
    for name in sorted(wanted):
        whole.update(f"{name}\0{(COPY / name).stat().st_size}\0".encode() + (COPY / name).read_bytes())
    return whole.hexdigest()


class Caught:
    """Which faults were caught in a tree, so that a run that was interrupted goes on."""

    def __init__(self, tree):
        self.path = COPY.parent / "caught.txt"
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        self.names = set(lines[1:]) if lines[:1] == [tree] else set()
        if not self.names:
            self.path.write_text(tree + "\n")

    def add(self, name):
        self.names.add(name)
        with self.path.open("a") as file:
            file.write(name + "\n")


def folder_of(preset):
    return COPY / "build" / preset


def build(preset, target, jobs):
    folder = folder_of(preset)
    if not (folder / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", preset, "-DLAMINA_BUILD_TESTS=ON", "-DLAMINA_BUILD_EXAMPLES=ON", "-DLAMINA_BUILD_BENCHMARKS=OFF",
                        "-DLAMINA_FAST_BUILD=ON", "-DLAMINA_JOIN_FILES=OFF"], cwd=COPY, check=True, stdout=subprocess.DEVNULL)
    return subprocess.run(["cmake", "--build", folder, "-j", str(jobs), "--target", target], capture_output=True, text=True)


def run_cases(preset, test, case, build_folder=None):
    """(passed, number of cases that ran, last lines) of the test program of a build folder; the one in the copy unless told"""
    folder = folder_of(preset)
    build_folder = build_folder or folder
    try:
        done = subprocess.run([build_folder / "tests" / test, f"-tc={case}"], capture_output=True, text=True, errors="replace", timeout=SECONDS,
                              cwd=folder / "tests", env=os.environ | {"LAMINA_BUILD": str(build_folder)})
    except subprocess.TimeoutExpired:
        return False, 1, "timeout"
    ran = 0
    for line in done.stdout.splitlines():
        if line.startswith("[doctest] test cases:"):
            ran = int(line.split(":")[1].split("|")[0])
    return done.returncode == 0, ran, done.stdout[-2000:] + done.stderr[-500:]


def errors_of(done):
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if "error" in line)[:1000]


def ninja(preset, *words):
    return subprocess.run(["ninja", "-t", *words], cwd=folder_of(preset), capture_output=True, text=True, check=True).stdout.splitlines()


@functools.cache
def compilations(preset):
    """(source, words of the command) of every object in a build, by the object"""
    return {words[words.index("-o") + 1]: (pathlib.Path(c["file"]), words)
            for c in json.loads((folder_of(preset) / "compile_commands.json").read_text()) for words in [shlex.split(c["command"])]}


@functools.cache
def inclusions(preset):
    """What each object was made of."""
    made, files = {}, set()
    for line in ninja(preset, "deps"):
        if line and not line.startswith(" "):
            made[line.split(":")[0]] = files = set()
        elif line:
            files.add((folder_of(preset) / line.strip()).resolve())
    return made


@functools.cache
def linking(preset, program):
    """Words of the command that links a program, and all objects in it."""
    words = [w for w in shlex.split(ninja(preset, "commands", program)[-1]) if w not in (":", "&&")]
    archives = [w for w in words if w.endswith(".a") and not pathlib.Path(w).is_absolute()]
    objects = {o for archive in archives for o in ninja(preset, "inputs", archive) if o in compilations(preset)}
    return words, objects | {w for w in words if w in compilations(preset)}


def programs_of(fault):
    """Programs that the cases of a fault run."""
    if fault["test"] != "cli_tests":
        return [f"tests/{fault['test']}"]
    examples = [f"examples/{p.stem}" for p in (COPY / "examples").glob("*.cpp")] if COPY / "tests/cli/examples_test.cpp" in cases_of(fault) else []
    return [f"tests/{fault['test']}", "bin/lamina", *examples]


def cases_of(fault):
    """The files that hold the test cases of a fault."""
    folder = COPY / "tests" / fault["test"].removesuffix("_tests")
    return [p for p in folder.glob("*_test.cpp") if any(fits(n, fault["case"]) for n in names_of_cases(p))]


def compiled_with(fault, objects):
    """Which objects hold a fault, those first that most often show it: the file itself, or of a header the files of its test cases, the
    program's, and those of the library where these are few; then those of the library's part that is tested; then the others."""
    source = COPY / fault["file"]
    holding = [o for o in sorted(objects) if source == compilations(fault["preset"])[o][0] or source in inclusions(fault["preset"]).get(o, ())]
    files = {o: compilations(fault["preset"])[o][0] for o in holding}
    library = [o for o in holding if files[o].is_relative_to(COPY / "include") or files[o].is_relative_to(COPY / "kernels")]
    first = [o for o in holding if source == files[o] or files[o] in cases_of(fault) or files[o].is_relative_to(COPY / "examples")
             or (o in library and len(library) <= 4)]
    area = COPY / "include/lamina" / fault["test"].removesuffix("_tests")
    second = [o for o in holding if o not in first and files[o].is_relative_to(area)]
    return first, second, [o for o in holding if o not in first and o not in second]


def plant(fault):
    """(result, seconds, text) of a fault: the objects that hold it are compiled anew, with little optimisation, and linked in front of the rest."""
    start = time.time()
    links = {program: linking(fault["preset"], program) for program in programs_of(fault)}
    with tempfile.TemporaryDirectory(dir=COPY.parent) as scratch:
        scratch = pathlib.Path(scratch)
        for folder in ("include", "kernels", "tests", "examples"):
            shutil.copytree(COPY / folder, scratch / "tree" / folder, copy_function=os.link)
        wrong = scratch / "tree" / fault["file"]
        wrong.unlink()
        wrong.write_text((COPY / fault["file"]).read_text().replace(fault["text"], fault["replacement"]))
        result, objects = "no program holds it", {}
        for part in compiled_with(fault, set().union(*(held for _, held in links.values()))):
            for name in part:
                objects[name] = f"{scratch}/{len(objects)}.o"
                done = compile_wrong(fault["preset"], name, objects[name], scratch / "tree")
                if done.returncode:
                    return "does not compile", time.time() - start, errors_of(done)
            if not part:
                continue
            for program, (words, held) in links.items():
                done = link_wrong(fault["preset"], words, {n: o for n, o in objects.items() if n in held}, scratch / program)
                if done.returncode:
                    return "does not link", time.time() - start, errors_of(done)
            result = "NOT CAUGHT" if run_cases(fault["preset"], fault["test"], fault["case"], scratch)[0] else "caught"
            if result == "caught":
                break
    return result, time.time() - start, ""


@functools.cache
def standard_headers():
    """The lines that include what the library includes of the standard library."""
    lines = {line for path in (COPY / "include").rglob("*.?pp") for line in path.read_text().splitlines() if re.fullmatch(r"#include <\w+>", line)}
    return "\n".join(sorted(lines)) + "\n"


def precompiled(preset, words):
    """A header, compiled before as `words` compile, of the standard library: half of what a small file takes."""
    words = [w for k, w in enumerate(words) if not w.startswith(("-I", "-M", "-x", "-c", "-o")) and words[k - 1] not in ("-MT", "-MF", "-x", "-c", "-o")]
    header = COPY.parent / hashlib.sha256(repr(words).encode()).hexdigest()[:16] / "standard.hpp"
    with COMPILING_HEADER:
        if not header.with_suffix(".hpp.gch").exists():
            header.parent.mkdir(exist_ok=True)
            header.write_text(standard_headers())
            subprocess.run([*words, "-x", "c++-header", str(header), "-o", str(header) + ".gch"], cwd=folder_of(preset), check=True)
    return header


def compile_wrong(preset, name, to, tree):
    source, words = compilations(preset)[name]
    words = [str(tree / p.relative_to(COPY)) if (p := pathlib.Path(w)) == source else
             f"-I{tree / root}" if (root := w.removeprefix(f"-I{COPY}/")) != w and not root.startswith("build/") else w for w in words]
    words[words.index("-o") + 1] = to
    if not source.is_relative_to(COPY / "kernels"):  # these are what takes time
        words.append("-O0")
    if source.is_relative_to(COPY / "include"):
        words[1:1] = ["-include", str(precompiled(preset, words))]
    return subprocess.run(words, cwd=folder_of(preset), capture_output=True, text=True)


def link_wrong(preset, words, objects, program):
    program.parent.mkdir(exist_ok=True)
    words = [w for w in words if w not in objects]
    words[words.index("-o") + 1] = str(program)
    words[1:1] = objects.values()
    return subprocess.run(words, cwd=folder_of(preset), capture_output=True, text=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--list", action="store_true", help="print the faults and end")
    options.add_argument("--check", action="store_true", help="only whether every entry still fits the code; builds nothing")
    options.add_argument("--only", default="*", help="faults whose 'LIST: NAME' fits the pattern")
    options.add_argument("--sample", type=float, default=1, help="a random share of them")
    options.add_argument("--seed", type=int, default=None, help="of the sample; default: drawn, and printed")
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers at a time")
    o = options.parse_args()

    faults, problems = read_faults()
    for p in problems:
        print(p)
    if o.check:
        print(f"{len(faults)} faults fit the code, {len(problems)} do not")
        return 1 if problems else 0
    faults = [f for f in faults if fnmatch.fnmatch(full_name(f), o.only)]
    if o.sample < 1:
        seed = o.seed if o.seed is not None else random.randrange(10**6)
        faults = sorted(random.Random(seed).sample(faults, max(1, round(o.sample * len(faults)))), key=lambda f: (f["preset"], f["file"], f["test"]))
        print(f"{len(faults)} faults of seed {seed}")
    if o.list:
        for f in faults:
            print(f"{full_name(f)} ({f['file']}; {f['test']}, {f['case']})")
        return 0

    caught = Caught(refresh_copy())
    before = [f for f in faults if full_name(f) in caught.names]
    faults = [f for f in faults if f not in before]
    if before:
        print(f"{len(before)} of them were caught in this very tree before, and are not planted again")
    for preset, test in sorted({(f["preset"], f["test"]) for f in faults}):
        print(f"building {test} ({preset}) and running its cases on the right code", flush=True)
        done = build(preset, test, o.jobs)
        if done.returncode:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        for case in sorted({f["case"] for f in faults if (f["preset"], f["test"]) == (preset, test)}):
            passed, ran, text = run_cases(preset, test, case)
            if not passed or ran == 0:
                sys.exit(f"{test} -tc='{case}' {'runs no case' if ran == 0 else 'fails'} on the right code\n{text}")

    missed, done_count = list(problems), 0

    def report(f, result, seconds, text=""):
        nonlocal done_count
        done_count += 1
        print(f"{done_count}/{len(faults)} {result}: {full_name(f)} ({seconds:.0f} s)" + (f"\n{text}" if text else ""), flush=True)
        if result == "caught":
            caught.add(full_name(f))
        else:
            missed.append(f["name"])

    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for f, outcome in zip(faults, pool.map(plant, faults)):
            report(f, *outcome)
    print(f"{len(before) + len(faults) + len(problems) - len(missed)} caught, {len(missed)} not")
    return 1 if missed else 0


sys.exit(main())
