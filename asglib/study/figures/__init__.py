"""All figures: functions of arrays, tables and records that return a matplotlib Figure."""

from asglib.study.figures.results import claims_chart, dot_intervals
from asglib.study.figures.style import look, looks, theme
from asglib.study.figures.views import curves, decibels, heatmaps, spectrograms
