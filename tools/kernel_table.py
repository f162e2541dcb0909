#!/usr/bin/env python3
"""What nvcc made of every CUDA kernel: registers, shared memory, spills, occupancy.

    tools/kernel_table.py [--check] [--arch 90a] [--jobs N] [FILE.cu ...]

Configures build/kernel_table with the CUDA back end (a GPU is not needed), compiles every kernels/*.cu with the build's own
flags and prints one line for each kernel. `+` after the static shared memory: there is dynamic shared memory too, whose size
the launch decides. Occupancy is the share of a multiprocessor's warps that registers and static shared memory allow, at
the threads of the kernel's __launch_bounds__, or else at 256 (in parentheses). With --check it is an error when a kernel spills.
Without nvcc it says so and exits with 77, which ctest reports as skipped.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A multiprocessor of compute capability 9.0 (and 8.0, but for its 164 KiB of shared memory); registers go to warps in 256s.
WARPS, BLOCKS, REGISTERS, REGISTER_UNIT, SHARED, SHARED_RESERVED = 64, 32, 65536, 256, 228 * 1024, 1024
DEFAULT_THREADS = 256


def occupancy(registers, threads, shared):
    """Resident warps over the most there can be."""
    warps = -(-threads // 32)
    per_warp = -(-registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
    blocks = min(BLOCKS, WARPS // warps, REGISTERS // per_warp // warps, SHARED // (shared + SHARED_RESERVED))
    return blocks * warps / WARPS


def commands(build, arch, nvcc):
    """The compile command of each kernel file, from the build system."""
    configure = ["cmake", "-S", ROOT, "-B", build, "-G", "Ninja" if shutil.which("ninja") else "Unix Makefiles", "-DLAMINA_CUDA=ON", f"-DLAMINA_CUDA_ARCHITECTURES={arch}-real",
                 f"-DCMAKE_CUDA_COMPILER={nvcc}", "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
                 *(f"-DLAMINA_BUILD_{part}=OFF" for part in ("TESTS", "EXAMPLES", "BENCHMARKS"))]
    done = subprocess.run(configure, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, configure))}\n{done.stdout}{done.stderr}")
    entries = json.loads((build / "compile_commands.json").read_text())
    return {Path(e["file"]): e for e in entries if e["file"].endswith(".cu")}


def compile_kernels(entry):
    """(mangled name, registers, static shared bytes, uses dynamic shared memory, spilled bytes, threads or None) of each kernel."""
    arguments = [a for a in shlex.split(entry["command"]) if not a.startswith("-Xptxas=")]
    with tempfile.TemporaryDirectory() as folder:
        arguments[arguments.index("-o") + 1] = f"{folder}/kernel.o"
        done = subprocess.run([*arguments, "-Xptxas=-v", "--keep", "--keep-dir", folder], cwd=entry["directory"], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{entry['file']} does not compile:\n{done.stderr}")
        ptx = "\n".join(p.read_text() for p in Path(folder).glob("*.ptx"))
    entries = {m[1]: m[2] for m in re.finditer(r"\.entry (\w+)\((.*?)\n}", ptx, re.S)}
    kernels = []
    for name, text in re.findall(r"Compiling entry function '(\w+)' for .*?\n(.*?)(?=Compiling entry|\Z)", done.stderr, re.S):
        number = lambda pattern: int(found[1]) if (found := re.search(pattern, text)) else 0
        bounds = re.search(r"\.maxntid (\d+)(?:, (\d+), (\d+))?", entries[name])
        threads = int(bounds[1]) * int(bounds[2] or 1) * int(bounds[3] or 1) if bounds else None
        spilled = number(r"(\d+) bytes spill stores") + number(r"(\d+) bytes spill loads")
        kernels.append((name, number(r"Used (\d+) registers"), number(r"(\d+) bytes smem"), "lamina_shared" in entries[name], spilled, threads))
    return kernels


def readable(names):
    """Demangled, without parameters and the namespaces that all kernels share."""
    text = subprocess.run(["c++filt", "-p"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return re.sub(r"lamina::|kernels::|cuda::|detail::|\(anonymous namespace\)::|^void ", "", text, flags=re.M).splitlines()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("files", nargs="*", type=Path, help="only these kernel files")
    p.add_argument("--check", action="store_true", help="fail when a kernel spills registers")
    p.add_argument("--arch", default="90a", help="compute capability")
    p.add_argument("--build", type=Path, default=ROOT / "build/kernel_table", help="where to configure")
    p.add_argument("--jobs", type=int, default=os.cpu_count())
    p.add_argument("--nvcc", default=shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc"))
    a = p.parse_args()
    if not a.nvcc:
        print("kernel_table: skipped, there is no nvcc")
        sys.exit(77)
    found = commands(a.build, a.arch, a.nvcc)
    files = [f.resolve() for f in a.files] or sorted(found)
    if unknown := [str(f) for f in files if f not in found]:
        p.error(f"not a kernel file: {', '.join(unknown)}")
    print(f"| kernel, sm_{a.arch} | file | registers | shared bytes | spilled bytes | threads | occupancy |\n|---|---|---|---|---|---|---|")
    spilling = count = 0
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        for file, kernels in zip(files, pool.map(lambda f: compile_kernels(found[f]), files)):
            for name, (_, registers, shared, dynamic, spilled, threads) in sorted(zip(readable([k[0] for k in kernels]), kernels)):
                count += 1
                spilling += spilled > 0
                share = occupancy(registers, threads or DEFAULT_THREADS, shared)
                print(f"| {name} | {file.name} | {registers} | {shared}{'+' if dynamic else ''} | {spilled} | {threads or f'({DEFAULT_THREADS})'} | {share:.0%} |")
            sys.stdout.flush()
    print(f"{count} kernels in {len(files)} files, {spilling} of them spill")
    sys.exit(a.check and spilling > 0)


main()
