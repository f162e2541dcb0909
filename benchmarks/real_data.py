#!/usr/bin/env python3
"""Runs and summarises real_data.sh; see there. Standard library only (the PyTorch side is a process of its own)."""
import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SETS = {"wound_fuseg": dict(epochs=40, ignore=None, score="macro_foreground", what="wound Dice"),
        "camvid_small": dict(epochs=60, ignore=11, score="macro", what="mean Dice of 11 classes")}


def run(command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nfailed with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


def lamina(program, data, spec, seed, epochs, folder, a, loss="ce+dice", weights=None):
    """Trains the whole schedule, then scores the last weights on the validation list at the training size."""
    out = Path(folder) / "run"
    ignore = ["--ignore", str(spec["ignore"])] if spec["ignore"] is not None else []
    run([program, "train", data, "--model", "unet", "--preset", "bn", "--base", a.base, "--depth", "4", "--size", f"{a.size}x{a.size}", "--resize", "stretch",
         "--batch", "4", "--loss", loss, "--class-weights", weights or a.class_weights, "--absent-classes", "penalize" if loss == "ce" else a.absent_classes, "--optimizer", "adam", "--lr", "2e-3", "--schedule", "onecycle", "--augment", "hflip",
         "--epochs", str(epochs), "--val-every", str(epochs), "--seed", str(seed), "--threads", str(a.threads), "--out", out, "--quiet", *ignore])
    scores = json.loads(run([program, "evaluate", out, data, "--split", "val", "--weights", "last", "--json", "--quiet", *ignore]))
    rows = list(csv.DictReader(open(out / "metrics.csv")))
    seconds = sum(float(r["seconds"]) for r in rows)
    images = sum(float(r["seconds"]) * float(r["images_per_second"]) for r in rows)
    return {"system": "Lamina", "seed": seed, "epochs": epochs, "images_per_second": images / seconds, "loss": float(rows[-1]["loss"]), "dice": scores["dice"]}


def pytorch(data, spec, seed, epochs, stop_after, layout, a):
    ignore = ["--ignore", str(spec["ignore"])] if spec["ignore"] is not None else []
    return json.loads(run([sys.executable, HERE / "real_data_pytorch.py", data, "--epochs", str(epochs), "--seed", str(seed), "--stop-after", str(stop_after),
                           "--threads", str(a.threads), "--layout", layout, "--base", a.base, "--size", a.size, "--class-weights", a.class_weights,
                           "--absent-classes", a.absent_classes, *ignore]))


def mean_and_error(values):
    return statistics.mean(values), statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("data", type=Path)
    p.add_argument("--lamina", required=True)
    p.add_argument("--seeds", default="0,1,2")
    p.add_argument("--sets", default=",".join(SETS))
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--base", type=int, default=16)
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--class-weights", choices=["none", "enet"], default="none", help="other settings than the default ones want another --results")
    p.add_argument("--absent-classes", choices=["penalize", "skip"], default="penalize", help="what Dice makes of classes that a batch lacks")
    p.add_argument("--epochs", type=int, default=0, help="of each run; 0: 40 of the wounds, 60 of the streets")
    p.add_argument("--plain", action="store_true", help="also Lamina with plain cross-entropy, unweighted: the defaults of before")
    p.add_argument("--rate-epochs", type=int, default=3, help="epochs of each of the three rate measurements, ours and PyTorch's in turn; 0: none")
    p.add_argument("--layout", choices=["auto", "nchw", "nhwc"], default="auto", help="PyTorch's memory layout while scoring; auto: the faster")
    p.add_argument("--results", type=Path, default=HERE / "results" / "real_data")
    a = p.parse_args()
    a.results.mkdir(parents=True, exist_ok=True)
    summary = []
    for name in a.sets.split(","):
        spec, data = dict(SETS[name]), a.data / name
        if a.epochs:
            spec["epochs"] = a.epochs

        def cached(label, make):
            path = a.results / f"{name}_{label}.json"
            if not path.exists():
                result = make()
                path.write_text(json.dumps(result, indent=1) + "\n")
                print(f"{path.name}: {spec['what']} {result['dice'][spec['score']]:.4f}, {result['images_per_second']:.2f} images/s", flush=True)
            return json.loads(path.read_text())

        def ours(seed, epochs, *recipe):
            with tempfile.TemporaryDirectory() as folder:
                return lamina(a.lamina, data, spec, seed, epochs, folder, a, *recipe)

        rates = {"lamina": [], "pytorch": []}
        for i in range(3 if a.rate_epochs else 0):
            rates["lamina"].append(cached(f"rate{i}_lamina", lambda: ours(0, a.rate_epochs))["images_per_second"])
            rates["pytorch"].append(cached(f"rate{i}_pytorch", lambda: pytorch(data, spec, 0, spec["epochs"], a.rate_epochs, "auto", a))["images_per_second"])
        scores = {"lamina": [], "pytorch": [], "plain": []}
        for seed in map(int, a.seeds.split(",")):
            scores["lamina"].append(cached(f"seed{seed}_lamina", lambda: ours(seed, spec["epochs"]))["dice"][spec["score"]])
            label = f"seed{seed}_pytorch" + (f"_{a.layout}" if a.layout != "auto" else "")
            scores["pytorch"].append(cached(label, lambda: pytorch(data, spec, seed, spec["epochs"], 0, a.layout, a))["dice"][spec["score"]])
            if a.plain:
                scores["plain"].append(cached(f"seed{seed}_lamina_plain", lambda: ours(seed, spec["epochs"], "ce", "none"))["dice"][spec["score"]])
        summary.append((name, spec, scores, rates))

    print("\n| set | score | Lamina | PyTorch | difference in standard errors | Lamina images/s | PyTorch images/s | ratio |"
          + (" Lamina, plain cross-entropy |" if a.plain else "") + "\n|---|---|---|---|---|---|---|---|" + ("---|" if a.plain else ""))
    for name, spec, scores, rates in summary:
        (m1, e1), (m2, e2) = mean_and_error(scores["lamina"]), mean_and_error(scores["pytorch"])
        error = math.hypot(e1, e2)
        r1, r2 = (statistics.median(rates[system] or [math.nan]) for system in ("lamina", "pytorch"))
        print(f"| {name} | {spec['what']} | {m1:.3f} ± {e1:.3f} | {m2:.3f} ± {e2:.3f} | {(m1 - m2) / error if error else math.nan:+.1f} | {r1:.2f} | {r2:.2f} | {r1 / r2:.2f} |"
              + (" {:.3f} ± {:.3f} |".format(*mean_and_error(scores["plain"])) if a.plain else ""))


if __name__ == "__main__":
    main()
