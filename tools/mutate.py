#!/usr/bin/env python3
"""Plants faults, one at a time, and checks that a test catches each: tests/mutations/*.toml say which fault, where, and by which test.
usage: tools/mutate.py [--list | --check] [--only PATTERN] [--sample SHARE] [--seed N] [--jobs N]

A fault is a table [[fault]]: name; file, text, replacement (text occurs once in the file); test (a program of the build), case (its
test cases, as doctest's -tc takes them); preset (shim; otherwise cpu). The cases must pass on the right code and fail on the wrong one.
The tree is copied to build/mutate and built there, with little optimisation: the working tree is never touched."""
import argparse
import concurrent.futures
import fnmatch
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
    """The tracked and new files of the working tree as they are; unchanged ones keep their times, so that little is built again."""
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


def build(preset, target, jobs):
    folder = COPY / "build" / preset
    if not (folder / "build.ninja").exists():
        subprocess.run(["cmake", "--preset", preset, "-DLAMINA_BUILD_TESTS=ON", "-DLAMINA_BUILD_EXAMPLES=ON", "-DLAMINA_BUILD_BENCHMARKS=OFF",
                        "-DLAMINA_FAST_BUILD=ON", "-DLAMINA_JOIN_FILES=OFF"], cwd=COPY, check=True, stdout=subprocess.DEVNULL)
    return subprocess.run(["cmake", "--build", folder, "-j", str(jobs), "--target", target], capture_output=True, text=True)


def run_cases(fault, case=None, program=None):
    """(passed, number of cases that ran, last lines)"""
    folder = COPY / "build" / fault["preset"] / "tests"
    program = program or folder / fault["test"]
    try:
        done = subprocess.run([program, f"-tc={case or fault['case']}"], capture_output=True, text=True, errors="replace", timeout=SECONDS, cwd=folder)
    except subprocess.TimeoutExpired:
        return False, 1, "timeout"
    ran = 0
    for line in done.stdout.splitlines():
        if line.startswith("[doctest] test cases:"):
            ran = int(line.split(":")[1].split("|")[0])
    return done.returncode == 0, ran, done.stdout[-2000:] + done.stderr[-500:]


def errors_of(done):
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if "error" in line)[:1000]


def compiled_with(fault, folder, commands):
    """What to compile with the fault, to go in front of the rest: the source file that it is in; of a header the files of its test cases
    that include it, and those of the library where these are few."""
    source = COPY / fault["file"]
    if str(source) in commands:
        return [source]
    objects, users = {}, []
    for line in subprocess.run(["ninja", "-t", "deps"], cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines():
        if line and not line.startswith(" "):
            objects[line.split(":")[0]] = users = []
        elif line:
            users.append((folder / line.strip()).resolve())
    users = [pathlib.Path(f) for f, words in commands.items() if source in objects.get(output_of(words), [])]
    library = [u for u in users if u.suffix == ".ipp"]
    return [u for u in users if u in cases_of(fault)] + (library if len(library) <= 4 else [])


def output_of(words):
    return words[words.index("-o") + 1]


def cases_of(fault):
    """The files that hold the test cases of a fault."""
    folder = COPY / "tests" / fault["test"].removesuffix("_tests")
    return [p for p in folder.glob("*_test.cpp") if any(fits(n, fault["case"]) for n in names_of_cases(p))]


def plant_in_front(fault):
    """(result, seconds, text) of a fault that little is compiled for: the objects go in front of all others."""
    start, folder = time.time(), COPY / "build" / fault["preset"]
    commands = {c["file"]: shlex.split(c["command"]) for c in json.loads((folder / "compile_commands.json").read_text())}
    links = subprocess.run(["ninja", "-t", "commands", f"tests/{fault['test']}"], cwd=folder, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as scratch:
        wrong, program = pathlib.Path(scratch) / fault["file"], pathlib.Path(scratch) / fault["test"]
        wrong.parent.mkdir(parents=True)
        wrong.write_text((COPY / fault["file"]).read_text().replace(fault["text"], fault["replacement"]))
        objects, replaced = [], set()
        for source in compiled_with(fault, folder, commands):
            words = list(commands[str(source)])
            replaced.add(output_of(words))
            objects.append(f"{scratch}/{len(objects)}.o")
            words[words.index("-o") + 1] = objects[-1]
            if str(source) == str(COPY / fault["file"]):
                words[words.index("-c") + 1] = str(wrong)
            words[1:1] = ["-I" + str(pathlib.Path(scratch) / root) for root in ("include", "kernels", "tests/shim")]
            done = subprocess.run(words + ["-O0"], cwd=folder, capture_output=True, text=True)
            if done.returncode:
                return "does not compile", time.time() - start, errors_of(done)
        words = [w for w in shlex.split(links.splitlines()[-1]) if w not in (":", "&&")]
        words[words.index("-o") + 1] = str(program)
        done = subprocess.run(words[:1] + objects + [w for w in words[1:] if w not in replaced], cwd=folder, capture_output=True, text=True)
        if done.returncode:
            return "does not link", time.time() - start, errors_of(done)
        passed = run_cases(fault, program=program)[0]
        return "NOT CAUGHT" if passed else "caught", time.time() - start, ""


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
    faults = [f for f in faults if fnmatch.fnmatch(f"{f['list']}: {f['name']}", o.only)]
    if o.sample < 1:
        seed = o.seed if o.seed is not None else random.randrange(10**6)
        faults = sorted(random.Random(seed).sample(faults, max(1, round(o.sample * len(faults)))), key=lambda f: (f["preset"], f["file"], f["test"]))
        print(f"{len(faults)} faults of seed {seed}")
    if o.list:
        for f in faults:
            print(f"{f['list']}: {f['name']} ({f['file']}; {f['test']}, {f['case']})")
        return 0

    refresh_copy()
    for preset, test in sorted({(f["preset"], f["test"]) for f in faults}):
        print(f"building {test} ({preset}) and running its cases on the right code", flush=True)
        done = build(preset, test, o.jobs)
        if done.returncode:
            sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
        for case in sorted({f["case"] for f in faults if (f["preset"], f["test"]) == (preset, test)}):
            passed, ran, text = run_cases({"preset": preset, "test": test}, case)
            if not passed or ran == 0:
                sys.exit(f"{test} -tc='{case}' {'runs no case' if ran == 0 else 'fails'} on the right code\n{text}")

    missed, done_count = list(problems), 0

    def report(f, result, seconds, text=""):
        nonlocal done_count
        done_count += 1
        print(f"{done_count}/{len(faults)} {result}: {f['list']}: {f['name']} ({seconds:.0f} s)" + (f"\n{text}" if text else ""), flush=True)
        if result != "caught":
            missed.append(f["name"])

    # What is soon compiled and linked in front of the rest is, several at a time. A header's fault that this does not show, and those of the
    # program, are built.
    def final(f, result):
        return result == "caught" or f["file"].endswith((".ipp", ".cu"))

    first = [f for f in faults if f["test"] != "cli_tests" and f["file"].endswith((".ipp", ".cu", ".hpp", ".cuh"))]
    done_with = []
    with concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for f, outcome in zip(first, pool.map(plant_in_front, first)):
            if final(f, outcome[0]):
                done_with.append(f)
                report(f, *outcome)
    for f in faults:
        if f in done_with:
            continue
        path, start = COPY / f["file"], time.time()
        right = path.read_text()
        try:
            path.write_text(right.replace(f["text"], f["replacement"]))
            done = build(f["preset"], f["test"], o.jobs)
            result = "does not compile" if done.returncode else "NOT CAUGHT" if run_cases(f)[0] else "caught"
        finally:
            path.write_text(right)
        report(f, result, time.time() - start, errors_of(done) if done.returncode else "")
    print(f"{len(faults) + len(problems) - len(missed)} caught, {len(missed)} not")
    return 1 if missed else 0


sys.exit(main())
