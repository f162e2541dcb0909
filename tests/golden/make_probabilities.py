"""probabilities.safetensors: precision-recall curves, average precision, calibration curves and calibration errors of random probabilities
by scikit-learn, of scores at the lower ends of 300 bins where thresholds matter. Needs numpy, scikit-learn, torch, safetensors."""
import numpy as np
import torch
from sklearn.calibration import calibration_curve
from sklearn.metrics import average_precision_score, f1_score, precision_recall_curve
from writer import Golden

BINS, PARTS = 300, 15
rng = np.random.default_rng(0)


def of_event(p, so):
    """Of one event: recall and precision at every threshold k / BINS, Dice there, average precision, calibration curve, its error."""
    ends = np.floor(p * np.float32(BINS)).astype(np.int64)
    precision, recall, thresholds = precision_recall_curve(so, ends)
    at = np.searchsorted(thresholds, np.arange(BINS))  # the first score that is not below
    dice = np.array([f1_score(so, ends >= k) for k in range(BINS)])
    frequency, probability = calibration_curve(so, p.astype(np.float64), n_bins=PARTS, strategy="uniform")
    parts = np.minimum((p * np.float32(PARTS)).astype(np.int64), PARTS - 1)
    weights = np.bincount(parts, minlength=PARTS)
    error = (weights[weights > 0] * np.abs(probability - frequency)).sum() / len(p)
    said = np.array([(ends >= k).any() for k in range(BINS)])
    return dict(precision=np.where(said, precision[at], np.nan), recall=recall[at], dice=dice,
                average_precision=np.array(average_precision_score(so, ends)), probability=probability, frequency=frequency,
                error=np.array(error))


def put(g, case, probabilities, labels, events):
    g.put(case, probabilities=torch.from_numpy(probabilities), labels=torch.from_numpy(labels))
    for k, (p, so) in enumerate(events):
        g.put(f"{case}.{k}", **{name: torch.from_numpy(np.atleast_1d(v).astype(np.float64)) for name, v in of_event(p, so).items()})


g = Golden("probabilities")
labels = rng.choice(4, 3000, p=[0.7, 0.2, 0.08, 0.02]).astype(np.uint8)
logits = rng.standard_normal((3000, 4)) * 1.5
logits[np.arange(3000), labels] += 2
exp = np.exp(logits - logits.max(1, keepdims=True))
p = (exp / exp.sum(1, keepdims=True)).astype(np.float32)
put(g, "classes", p, labels, [(p[:, k], labels == k) for k in range(4)] + [(p.max(1), p.argmax(1) == labels)])

planes = (rng.random((2000, 3)) < [0.5, 0.1, 0.02]).astype(np.uint8)
p = (1 / (1 + np.exp(-(rng.standard_normal((2000, 3)) * 2 + 3 * planes - 1.5)))).astype(np.float32)
confidence = np.maximum(p, 1 - p).ravel()
put(g, "planes", p, planes, [(p[:, k], planes[:, k] == 1) for k in range(3)] + [(confidence, ((p > 0.5) == (planes == 1)).ravel())])
g.save()
