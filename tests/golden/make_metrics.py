"""metrics.safetensors: scores of random labels and predictions, and balanced class weights, by scikit-learn. Needs numpy, scikit-learn, torch,
safetensors."""
import numpy as np
import torch
from sklearn.metrics import (accuracy_score, cohen_kappa_score, f1_score, jaccard_score, mean_absolute_error, multilabel_confusion_matrix,
                             precision_score, recall_score)
from sklearn.utils.class_weight import compute_class_weight
from writer import Golden

rng = np.random.default_rng(0)
SCORES = {"dice": f1_score, "iou": jaccard_score, "precision": precision_score, "recall": recall_score}
g = Golden("metrics")


def doubles(values):
    return torch.tensor(np.asarray(values, dtype=np.float64))


def per_class(score, truth, said, **which):
    """NaN where it is 0 / 0, which jaccard_score cannot say: where F1 is."""
    if score is not jaccard_score:
        return score(truth, said, average=None, zero_division=np.nan, **which)
    return np.where(np.isnan(per_class(f1_score, truth, said, **which)), np.nan, score(truth, said, average=None, zero_division=0, **which))


for case, (pixels, classes, absent) in enumerate([(400, 5, []), (300, 7, [2, 4]), (50, 3, []), (900, 2, [])]):
    shares = rng.dirichlet(np.ones(classes))
    shares[absent] = 0  # never labelled; the first of them is predicted, the second not
    truth = rng.choice(classes, pixels, p=shares / shares.sum())
    decided = np.where(rng.random(pixels) < 0.6, truth, rng.integers(classes, size=pixels))
    for c in absent[1:]:
        decided[decided == c] = 0
    ignored = rng.random(pixels) < 0.1
    counted, said, names = truth[~ignored], decided[~ignored], list(range(classes))
    put = {"truth": torch.from_numpy(np.where(ignored, 255, truth).astype(np.uint8)), "decided": torch.from_numpy(decided.astype(np.uint8))}
    for name, score in SCORES.items():
        put[name] = doubles(per_class(score, counted, said, labels=names))
        put[name + "_zero"] = doubles(score(counted, said, labels=names, average="macro", zero_division=0))
        put[name + "_micro"] = doubles([score(counted, said, labels=names, average="micro"),
                                        score(counted, said, labels=names[1:], average="micro")])  # all, and without class 0
    each = multilabel_confusion_matrix(counted, said, labels=names)
    put["specificity"] = doubles(each[:, 0, 0] / each[:, 0].sum(1))
    put["accuracy"] = doubles([accuracy_score(counted, said)])
    put["grades"] = doubles([mean_absolute_error(counted, said), np.mean(np.abs(counted - said) <= 1),
                             cohen_kappa_score(counted, said, labels=names, weights="quadratic")])
    present = np.unique(counted)
    balanced = np.zeros(classes)
    balanced[present] = compute_class_weight("balanced", classes=present, y=counted)
    put["balanced"] = doubles(balanced)
    g.put(f"case{case}", **put)

# Planes that may overlap: each against itself.
truth, decided = rng.random((200, 4)) < [0.5, 0.1, 0.02, 0.3], rng.random((200, 4)) < [0.5, 0.1, 0.1, 0.3]
put = {"truth": torch.from_numpy(truth.astype(np.uint8)), "decided": torch.from_numpy(decided.astype(np.uint8))}
for name, score in SCORES.items():
    put[name] = doubles(per_class(score, truth, decided))
    put[name + "_micro"] = doubles([score(truth, decided, average="micro")])
each = multilabel_confusion_matrix(truth, decided)
put["specificity"] = doubles(each[:, 0, 0] / each[:, 0].sum(1))
g.put("planes", **put)
g.save()
