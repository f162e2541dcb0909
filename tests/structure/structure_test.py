#!/usr/bin/env python3
"""Rules of the source tree that no compiler checks. usage: structure_test.py SOURCE_DIR BUILD_DIR [RULE]"""
import pathlib
import re
import subprocess
import sys

root, build = map(pathlib.Path, sys.argv[1:3])
include = root / "include/lamina"
problems = []

# What the headers and .ipp files of an area may include. Autograd adds gradients and looks for NaN with two kernels, by their contracts;
# the tensors of a device are filled and converted by one.
EXCEPTIONS = {
    ("include/lamina/core/impl/cuda.ipp", "lamina/kernels/copy.hpp"),
    ("kernels/detail/shared/activate.hpp", "detail/cpu/math.hpp"),
    ("kernels/detail/shared/activate.hpp", "detail/cuda/math.cuh"),
    ("kernels/detail/shared/segmentation_loss.hpp", "detail/cpu/math.hpp"),
    ("kernels/detail/shared/unary.hpp", "detail/cpu/elementary.hpp"),
    ("kernels/detail/shared/unary.hpp", "detail/cuda/elementary.cuh"),
    ("kernels/detail/shared/segmentation_loss.hpp", "detail/cuda/math.cuh"),
}
CODE = {".hpp", ".ipp", ".cpp", ".cu", ".cuh"}
COMPUTE = {"core", "kernels", "autograd", "ops", "nn"}
MAY_INCLUDE = {
    "core": {"core"},
    "kernels": {"core", "kernels"},
    "autograd": {"core", "kernels", "autograd"},
    "ops": {"core", "kernels", "autograd", "ops"},
    "nn": COMPUTE,
    "heads": COMPUTE | {"data", "metrics", "heads"},
    "losses": COMPUTE | {"data", "metrics", "heads", "losses"},
    "models": COMPUTE | {"models"},
    "optim": COMPUTE | {"optim"},
    "io": COMPUTE | {"models", "io"},  # models: their registry, to turn a file into a network and back
    "metrics": {"core", "metrics"},
    "data": {"core", "kernels", "data", "io"},  # kernels: warp; io: files and arrays, no weights
    "infer": COMPUTE | {"models", "io", "data", "metrics", "heads", "infer"},
    "train": COMPUTE | {"models", "optim", "io", "metrics", "data", "heads", "losses", "infer", "train"},
}
KERNELS_WITHOUT_OP = {"copy", "finite", "optimizer", "strided"}  # used by other ops, by the engine, by the optimizers
OPS_WITHOUT_KERNEL = {"concat", "expand", "matmul", "operators", "permute", "reshape", "slice_channels", "stack", "where"}  # views, or by other kernels
ISAS = re.findall(r'X\((\w+), "', (include / "core/device.hpp").read_text())
MACROS = {"LAMINA_HD", "LAMINA_KERNEL", "LAMINA_VERSION", "LAMINA_HAS_CUDA", "LAMINA_ISAS"}
MACROS |= {f"LAMINA_ISA_{n}" for n in ("NAME", "TEXT", "DECLARE", "CALL", *ISAS)}


def includes(path):
    return re.findall(r'^#include [<"]([^>"]+)[>"]', path.read_text(), re.M)


def sources(*folders, suffixes=CODE):
    return [p for f in folders for p in sorted((root / f).rglob("*")) if p.suffix in suffixes]


def rule_directions():
    for area in sorted(p for p in include.iterdir() if p.is_dir()):
        allowed = MAY_INCLUDE.get(area.name)
        if allowed is None:
            problems.append(f"{area}: no include directions are known for this area")
            continue
        for path in sources(area.relative_to(root)):
            for name in includes(path):
                target = re.match(r"lamina/(\w+)/", name)
                if target and target[1] not in allowed and (str(path.relative_to(root)), name) not in EXCEPTIONS:
                    problems.append(f"{path.relative_to(root)}: {area.name}/ must not include {name}")
                if area.name == "data" and target and target[1] == "io" and name not in {"lamina/io/file.hpp", "lamina/io/npy.hpp"}:
                    problems.append(f"{path.relative_to(root)}: of io/, data/ may include file.hpp and npy.hpp, not {name}")
                if target and "/impl/" in name and not re.match(rf"lamina/{area.name}/(\w+/)?impl/", name):
                    problems.append(f"{path.relative_to(root)}: {name} is private to its area")
    for path in sources("kernels"):
        for name in includes(path):
            ours = name.startswith(("lamina/kernels/", "detail/")) or name in {f"lamina/core/{n}.hpp" for n in ("view", "device", "dtype", "random")}
            ours |= name == "cuda_runtime.h" and path.suffix in {".cu", ".cuh"}
            standard = "/" not in name and "." not in name or name == "immintrin.h"
            eigen = name.startswith("Eigen/") and path.name == "gemm.cpp"
            if not (ours or standard or eigen):
                problems.append(f"{path.relative_to(root)}: kernels see contracts, core/{{view,device,dtype,random}} and detail/, not {name}")
            side = path.parent.name if "detail" in path.parts else "cpu" if path.suffix == ".cpp" else "cuda"
            target = re.match(r"detail/(\w+)/", name)
            if target and target[1] not in {"shared", side} and (str(path.relative_to(root)), name) not in EXCEPTIONS:
                problems.append(f"{path.relative_to(root)}: code for {side} must not include {name}")


def rule_loop():
    """The loop, its session and the sinks serve whatever is learned: they reach no head, loss or network, but for the files of weights."""
    train = include / "train"
    of_loop = [p for stem in ("loop", "session", "task", "sinks") for p in train.rglob(f"{stem}.?pp")] + sorted((train / "sinks").glob("*.hpp"))
    for path in of_loop:
        reached, chain = set(), [(path, "")]
        while chain:
            file, by = chain.pop()
            for name in includes(file):
                if re.match(r"lamina/(heads|losses|models)/", name):
                    problems.append(f"{path.relative_to(root)}: the loop must not reach {name}{by}")
                if name.startswith("lamina/train/") and name not in reached:
                    reached.add(name)
                    chain.append((include.parent / name, f", which {name} includes"))


def rule_public_headers():
    private = re.compile(r"^(Eigen|unsupported|nlohmann|CLI|png\.h|jpeglib|tiff|cuda|iostream|sstream|fstream|iomanip|regex|thread|mutex)")
    for path in sorted(include.rglob("*.hpp")):
        if "impl" in path.parts:
            continue
        for name in includes(path):
            if private.match(name) or "/impl/" in name:
                problems.append(f"{path.relative_to(root)}: a public header must not include {name}")
        for macro in re.findall(r"^ *# *define (\w+)", path.read_text(), re.M):
            if macro not in MACROS:
                problems.append(f"{path.relative_to(root)}: macro {macro}; the public ones are {', '.join(sorted(MACROS))}")


def rule_six_files():
    stems = lambda folder, suffix: {p.name[: -len(suffix)] for p in (root / folder).glob("*" + suffix)}
    ops = stems("include/lamina/ops", ".hpp") - {"ops"}
    contracts = stems("include/lamina/kernels", ".hpp")
    wanted = {
        "include/lamina/kernels/{}.hpp": ops - OPS_WITHOUT_KERNEL,
        "kernels/{}.cpp": contracts,
        "include/lamina/ops/{}.hpp": contracts - KERNELS_WITHOUT_OP,
        "tests/ops/{}_test.cpp": ops,
        "benchmarks/{}_bench.cpp": ops - OPS_WITHOUT_KERNEL | stems("kernels", ".cu"),
    }
    for pattern, names in wanted.items():
        for name in sorted(names):
            if not (root / pattern.format(name)).exists():
                problems.append(f"{name} has no {pattern.format(name)}")
    listed = set(re.findall(r"lamina/ops/(\w+)\.hpp", (include / "ops/ops.hpp").read_text()))
    for name in sorted(ops ^ listed):
        problems.append(f"include/lamina/ops/ops.hpp: {name} is {'not listed' if name in ops else 'no op'}")


def rule_silence():
    loud = re.compile(r"(?<![\w:.>])(?:std::)?(exit|_exit|abort|quick_exit|terminate|printf|fprintf|puts|signal|setlocale)\s*\(|std::(cout|cerr|clog)\b")
    for path in sources("include", "kernels"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if loud.search(line.split("//")[0]):
                problems.append(f"{path.relative_to(root)}:{number}: the library neither prints nor ends the program: {line.strip()}")


def lengths(lines, suffix):
    """Where functions begin, and how many lines they have: what ends in "{" and holds a call's brackets, ended by its own indentation."""
    if suffix == ".py":
        opening, closes = re.compile(r"^( *)def "), lambda line, indent: line.strip() and len(line) - len(line.lstrip()) <= len(indent)
    elif suffix == ".sh":
        opening, closes = re.compile(r"^( *)\w+\(\) *\{$"), lambda line, indent: line.startswith(indent + "}")
    else:
        opening = re.compile(r"^( {0,4})(?!namespace|class|struct|enum|union|extern|using|#|//)\S.*\{$")
        closes = lambda line, indent: line.startswith(indent + "}")
    for begin, line in enumerate(lines):
        found = opening.match(line)
        if found and "(" in "".join(lines[max(begin - 3, 0) : begin + 1]):
            indent = found[1][:-4] if line.lstrip().startswith(":") else found[1]  # a constructor's list of members stands further in
            end = next((i for i in range(begin + 1, len(lines)) if closes(lines[i], indent)), len(lines))
            yield begin, end - begin - sum(not line.strip() for line in lines[end - 2 : end])


def rule_sizes():
    """Files of at most 350 lines, functions of at most 80, unless "Long: why" stands in the file's first lines, or in the function or above it."""
    folders = ("include", "kernels", "examples", "tests", "tools", "benchmarks")
    for path in sources(*folders, suffixes=CODE | {".h", ".py", ".sh"}):
        lines = path.read_text().splitlines()
        name = path.relative_to(root)
        says_why = lambda part: any(re.search(r"(//|///|#) (.*\. )?Long: \S", line) for line in part)
        if len(lines) > 350 and not says_why(lines[:5]):
            problems.append(f"{name}: {len(lines)} lines; the most is 350")
        for begin, length in lengths(lines, path.suffix):
            if length > 80 and not says_why(lines[max(begin - 8, 0) : begin + length]):
                problems.append(f"{name}:{begin + 1}: a function of {length} lines; the most is 80")


def rule_ipp():
    """What is short stands in its header; of loss terms each has a file."""
    for path in sources("include", suffixes={".ipp"}):
        lines = len(path.read_text().splitlines())
        if lines < 30 and "losses" not in path.parts:
            problems.append(f"{path.relative_to(root)}: {lines} lines; what is short stands in its header")


def rule_symbols():
    """No out-of-line function of a per-ISA object may be shared with other code: the linker could pick the AVX-512 one for everybody."""
    objects = 0
    for isa in ISAS:
        for path in sorted(build.rglob(f"lamina_kernels_{isa}.dir/**/*.o")):
            objects += 1
            for line in subprocess.run(["nm", "-C", "--defined-only", path], capture_output=True, text=True, check=True).stdout.splitlines():
                kind, symbol = line.split(" ", 2)[1:]
                ours = f"lamina::kernels::{isa}::" in symbol or f"Eigen_{isa}::" in symbol
                if kind in "TWVBDRu" and not ours and not symbol.startswith("DW.ref."):
                    problems.append(f"{path.name} ({isa}) defines {symbol}")
    if objects == 0:
        problems.append(f"{build}: no kernel objects to look into")


rules = {name[5:]: f for name, f in list(globals().items()) if name.startswith("rule_")}
for name in sys.argv[3:] or rules:
    rules[name]()
for problem in problems:
    print(problem)
sys.exit(bool(problems))
