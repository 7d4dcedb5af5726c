"""All figures: functions of arrays, tables and records that return a matplotlib Figure."""

from asglib.study.figures.results import (
    claims_chart,
    class_gains,
    confusion_matrices,
    dot_intervals,
    embedding_maps,
)
from asglib.study.figures.style import look, looks, theme
from asglib.study.figures.trainings import ranked_against_loss
from asglib.study.figures.views import (
    answers,
    batch_similarity,
    decibels,
    dots,
    histograms,
    lines,
    shift_curves,
    spectrograms,
)
