"""Scores per clip and what they are worth (paper section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor


def per_clip(scores: Tensor, clip: Tensor, clips: int) -> Tensor:
    """The mean of the segments' scores of each clip: [S, C], [S] -> [clips, C] (3.2, D18)."""
    total = torch.zeros(clips, scores.shape[1]).index_add_(0, clip, scores)
    return total / torch.bincount(clip, minlength=clips).clamp(min=1)[:, None]


def naive_bayes(logits: Tensor, clip: Tensor, prior: Tensor) -> Tensor:
    """Posteriors of clips whose segments count as independent: [S, C], [S], [C] -> [clips, C].

    p(c) to the power 1 - S times the product of p(c given segment); Audio2Vec, section 4.
    """
    clips = int(clip.max()) + 1
    total = torch.zeros(clips, logits.shape[1]).index_add_(0, clip, logits.log_softmax(1))
    segments = torch.bincount(clip, minlength=clips)[:, None]
    return (total - (segments - 1) * prior.log()).softmax(1)


def probabilities(logits: Tensor, multi_label: bool) -> Tensor:
    """Sigmoid for several labels a clip, softmax for one (D18): [S, C] -> [S, C]."""
    return logits.sigmoid() if multi_label else logits.softmax(1)


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """The share of clips whose highest score is their label: [clips], [clips]."""
    return (predictions == labels).double().mean().item()


def average_precisions(scores: Tensor, targets: Tensor) -> list[float | None]:
    """Average precision of each class, None where no clip is positive: [clips, C] twice."""
    from sklearn.metrics import average_precision_score  # takes seconds, and few runs need it

    return [
        float(average_precision_score(target, score)) if target.any() else None
        for score, target in zip(scores.T.numpy(), targets.T.numpy())
    ]


def mean_average_precision(precisions: list[float | None]) -> float | None:
    """mAP over the classes that have positives; None when no class has any."""
    present = [precision for precision in precisions if precision is not None]
    return sum(present) / len(present) if present else None


def outcome(scores: Tensor, targets: Tensor, metric: str) -> dict:
    """The metric of [clips, C] scores against [clips] or [clips, C], and what it is made of."""
    found = {
        "value": None,
        "labels": [],
        "predictions": [],
        "correct": [],
        "average_precision": [],
        "undefined": None,
        "f1": None,
        "weighted_precision": None,
    }
    if metric == "mAP":
        hot = targets
        if targets.ndim == 1:
            hot = torch.nn.functional.one_hot(targets, scores.shape[1])
        found["average_precision"] = average_precisions(scores, hot)
        found["value"] = mean_average_precision(found["average_precision"])
        if found["value"] is None:
            found["undefined"] = "no test clip has any of the classes"
        return found
    from sklearn.metrics import f1_score, precision_score

    predictions = scores.argmax(1)
    pair = targets.numpy(), predictions.numpy()
    return found | {
        "f1": float(f1_score(*pair, average="macro", zero_division=0)),
        "weighted_precision": float(precision_score(*pair, average="weighted", zero_division=0)),
        "value": accuracy(predictions, targets),
        "labels": targets.tolist(),
        "predictions": predictions.tolist(),
        "correct": (predictions == targets).int().tolist(),
    }
