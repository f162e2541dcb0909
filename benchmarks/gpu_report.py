#!/usr/bin/env python3
"""Joins what gpu_check.sh --part bench measured: writes benchmarks/results/gpu/DEVICE.json and prints tables. usage: gpu_report.py DIR [RESULTS]

DIR holds ops/*.json (our benchmarks), steps/*.log (our training steps) and, where PyTorch ran, pytorch_ops.json and
pytorch_steps.json; what is missing is left out. `ratio` is PyTorch's time over ours: above 1 we are faster.
"""
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def load(path):
    """The JSON of a file; None where there is none, or where its writer was stopped."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def gather(folder):
    report = {"device": None, "ceilings": {}, "ops": {}, "steps": {}}
    theirs = load(folder / "pytorch_ops.json") or {"seconds": {}}
    for path in sorted(folder.glob("ops/*.json")):
        data = load(path)
        if not data:
            continue
        report["device"] = data["context"]["cuda"]
        report["ceilings"] = {k: v for k, v in data["context"].items() if k.startswith(report["device"])}
        for row in data["benchmarks"]:
            name = row["name"].removesuffix("/manual_time")
            if row.get("error_occurred"):
                report["ops"][name] = {"error": row["error_message"]}
                continue
            ours = {"microseconds": row["real_time"], **{k: row[k] for k in ("GB/s", "GFLOP/s", "share") if k in row}}
            if row["name"] in theirs["seconds"]:
                ours["pytorch_microseconds"] = 1e6 * theirs["seconds"][row["name"]]
                ours["ratio"] = ours["pytorch_microseconds"] / ours["microseconds"]
            report["ops"][name] = ours
    for path in sorted(folder.glob("steps/*.log")):
        if data := load(path):
            case, mode = path.stem.split(".")
            report["steps"].setdefault(case, {})[mode] = data["seconds"]
    steps = load(folder / "pytorch_steps.json") or {"seconds": {}}
    for name, seconds in steps["seconds"].items():
        mode, case = name.split()
        report["steps"].setdefault(case, {})[f"pytorch_{mode}"] = seconds
    report["pytorch"] = theirs.get("pytorch") or steps.get("pytorch")
    return report


def table(header, rows):
    print(" | ".join(["", *header, ""]).strip(), "|".join(["", *["---"] * len(header), ""]), sep="\n")
    for row in rows:
        print(" | ".join(["", *row, ""]).strip())
    print()


def is_convolution(name):
    return name.startswith(("conv2d", "conv_transpose2d"))


def number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder, results = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "benchmarks/results/gpu"
    report = gather(folder)
    if not report["device"] or report["device"].startswith("skipped"):
        sys.exit(f"{folder}/ops holds no results of our benchmarks")
    results.mkdir(parents=True, exist_ok=True)
    target = results / (re.sub(r"[^A-Za-z0-9.-]+", "_", report["device"]) + ".json")
    target.write_text(json.dumps(report, indent=1) + "\n")

    measured = {name: row for name, row in report["ops"].items() if "error" not in row}
    for title, wanted in (("Convolutions", True), ("Memory-bound ops", False)):
        print(f"## {title} on {report['device']}\n")
        rows = []
        for name, row in measured.items():
            if is_convolution(name) == wanted:
                rate = row.get("GFLOP/s") if wanted else row.get("GB/s")
                rows.append([name.replace("/cuda/", " "), number(row["microseconds"]), number(rate, 0), f"{row['share']:.0%}",
                             number(row.get("pytorch_microseconds")), number(row.get("ratio"), 2)])
        table(["op", "us", "GFLOP/s" if wanted else "GB/s", "of the ceiling", "PyTorch us", "ratio"], rows)
    print("## Training steps, ms: batch_size_base_depth_classes\n")
    modes = sorted({mode for step in report["steps"].values() for mode in step})
    table(["U-Net", *modes], [[case, *(number(1e3 * step[m], 2) if m in step else "" for m in modes)] for case, step in sorted(report["steps"].items())])

    print("\n".join(f"{k}: {v}" for k, v in report["ceilings"].items()))
    bound = sorted(row["share"] for name, row in measured.items() if not is_convolution(name))
    ratios = sorted(row["ratio"] for row in measured.values() if "ratio" in row)
    if bound:
        print(f"memory-bound rows: {len(bound)}, median share {bound[len(bound) // 2]:.0%}, {sum(s >= 0.85 for s in bound)} at 85 % or more")
    if ratios:
        print(f"beside PyTorch {report['pytorch']}: {len(ratios)} rows, median ratio {ratios[len(ratios) // 2]:.2f}, {sum(r >= 1 for r in ratios)} at 1 or more")
    for name, row in report["ops"].items():
        if "error" in row:
            print(f"WRONG: {name}: {row['error']}")
    print(f"written: {target}")


main()
