#!/usr/bin/env python3
"""Renders measured results into README.md, between `<!-- results:begin -->` and `<!-- results:end -->`: the last lines of the quickstart from
benchmarks/results/quickstart.txt (`bash examples/quickstart.sh | tail -n 8`) and the networks of benchmarks/results/compare_pytorch.json. What has
no file is left out. usage: tools/readme_results.py"""
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
results = ROOT / "benchmarks/results"
parts = []

quickstart = results / "quickstart.txt"
if quickstart.exists():
    parts.append(f"On 2 cores with the packages already installed, the quickstart ends with\n\n```text\n{quickstart.read_text().strip()}\n```")

comparison = results / "compare_pytorch.json"
if comparison.exists():
    data = json.loads(comparison.read_text())
    lines = [f"Beside PyTorch {data['pytorch']} on {data['machine']} (`{data['command']}`):", "", "| case | Lamina, ms | PyTorch, ms (layout) | ratio |", "|---|---|---|---|"]
    for r in data["results"]:
        if r["case"].startswith("unet"):  # mode, batch, size, base, depth, classes
            lines.append(f"| {r['case']} | {1e3 * r['lamina']['seconds']:.2f} | {1e3 * r['pytorch']['seconds']:.2f} ({r['layout']}) | {r['ratio']:.2f} |")
    convolutions = [r for r in data["results"] if r["case"].startswith("conv")]
    parts.append("\n".join(lines) + "\n\nA case is mode, batch, image size, channels of the first level, depth and classes. The single convolutions of the same run are in "
                 "[compare_pytorch.json](benchmarks/results/compare_pytorch.json): PyTorch was faster in "
                 f"{sum(r['ratio'] < 1 for r in convolutions)} of {len(convolutions)}.")

readme = ROOT / "README.md"
body = "\n\n".join(parts) + "\n" if parts else ""
text, found = re.subn(r"(<!-- results:begin -->\n).*?(<!-- results:end -->)", lambda m: m[1] + body + m[2], readme.read_text(), flags=re.S)
assert found == 1, "README.md has no results markers"
readme.write_text(text)
