#!/usr/bin/env python3
"""Renders the op table from the headers into README.md and kernels/README.md, between the markers `<!-- ops:begin -->` and
`<!-- ops:end -->`. usage: tools/op_index.py [--check]; with --check nothing is written, and an outdated file is an error."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OP = re.compile(r"((?:^///.*\n)*)^inline (?:Tensor|Measured|WarpedBatch) (\w+)\(", re.M)


def without_detail(text):
    return re.sub(r"namespace detail \{.*?\n\}  // namespace detail", "", text, flags=re.S)


def kernel_stem(header):
    """The first kernel contract that the op's header includes: its own, or the one it borrows (concat, reshape: copy; matmul: its ops')."""
    text = header.read_text()
    own = re.findall(r'#include "lamina/kernels/(\w+)\.hpp"', text)
    if header.stem in own or own:
        return header.stem if header.stem in own else own[0]
    others = re.findall(r'#include "lamina/ops/(\w+)\.hpp"', text)
    return kernel_stem(header.with_name(others[0] + ".hpp")) if others else header.stem


def gradient(doc):
    found = re.search(r"Gradients?: ([\w, ]+)", doc)
    return found.group(1).strip() if found else "none" if "Not differentiable" in doc else "x"


def rows():
    for header in sorted((ROOT / "include/lamina/ops").glob("*.hpp")):
        ops = {}
        for doc, name in OP.findall(without_detail(header.read_text())):
            ops.setdefault(name, doc)
        if not ops:
            continue
        stem = kernel_stem(header)
        device = lambda suffix: f"[{stem}](%skernels/{stem}.{suffix})" if (ROOT / f"kernels/{stem}.{suffix}").exists() else ""
        grads = list(dict.fromkeys(gradient(doc.replace("\n///", "")) for doc in ops.values() if doc)) or ["x"]
        timed = [name for name in (header.stem, stem) if (ROOT / f"benchmarks/{name}_bench.cpp").exists()]
        bench = f"[{timed[0]}](%sbenchmarks/{timed[0]}_bench.cpp)" if timed else "–"
        names = ", ".join(f"`{name}`" for name in ops)
        yield f"| {names} | {device('cpp') or 'a view'} | {device('cu') or '–'} | {'; '.join(grads)} | {bench} | [ops/{header.name}](%sinclude/lamina/ops/{header.name}) |"


def render(path):
    up = "../" * (len(path.relative_to(ROOT).parts) - 1)
    table = "\n".join(["| op | CPU | CUDA | gradients of | benchmark | source |", "|---|---|---|---|---|---|", *(row.replace("%s", up) for row in rows())])
    text = path.read_text()
    new, found = re.subn(r"(<!-- ops:begin -->\n).*?(<!-- ops:end -->)", lambda m: m[1] + table + "\n" + m[2], text, flags=re.S)
    if found != 1:
        sys.exit(f"{path}: expected one pair of markers, found {found}")
    return text, new


def main():
    stale = []
    for path in (ROOT / "README.md", ROOT / "kernels/README.md"):
        old, new = render(path)
        if old != new and "--check" in sys.argv:
            stale.append(str(path.relative_to(ROOT)))
        elif old != new:
            path.write_text(new)
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}; run tools/op_index.py")


main()
