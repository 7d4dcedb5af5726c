"""A panel for JupyterLab: choose clip, move and length; see, hear and compare (paper section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets
import pandas as pd
from torch import Tensor, nn

from asglib.adversaries import KINDS, move
from asglib.frontend import LogSpectrogram
from asglib.sensitivity import similarity_to_moved
from asglib.study import figures, listen
from asglib.study.report import display


def panel(
    waves: Tensor,
    rows: pd.DataFrame,
    systems: Mapping[str, nn.Module],
    frontend: LogSpectrogram,
    device: str = "cpu",
) -> widgets.Widget:
    """Controls above what they change: the spectrograms, the sound, and how near each encoder's embeddings are.

    `waves` [clips, N] and their index rows; the similarity is measured among the first 64 clips.
    """
    spectrograms = frontend(waves[:64])
    names = [
        f"{i}: {row.pattern}, {row.register}, {row.direction}, {row.order}"
        for i, row in enumerate(rows.itertuples())
    ]
    clip = widgets.Dropdown(options=list(zip(names, range(len(spectrograms)))), description="clip")
    kind = widgets.ToggleButtons(options=KINDS, description="move")
    share = widgets.IntSlider(
        value=20, min=0, max=50, description="length (%)", continuous_update=False
    )
    share.tooltip = "of the axis; a flip has no length"
    shown = widgets.interactive_output(
        lambda clip, kind, share: show(
            waves, spectrograms, systems, frontend, device, clip, kind, share
        ),
        {"clip": clip, "kind": kind, "share": share},
    )
    return widgets.VBox([clip, kind, share, shown])


def show(
    waves: Tensor,
    spectrograms: Tensor,
    systems: Mapping[str, nn.Module],
    frontend: LogSpectrogram,
    device: str,
    clip: int,
    kind: str,
    share: int,
) -> None:
    """One state of the panel."""
    length = length_of(kind, share, spectrograms)
    moved = f"moved: {kind} by {length}" if kind in ("SF", "ST") else f"moved: {kind}"
    display.figure(
        figures.spectrograms(
            {"the clip": spectrograms[clip], moved: move(spectrograms[clip], kind, length)},
            frontend.config,
        ),
        f"The spectrogram of clip {clip}, and {moved}.",
        "The chosen clip as it is, and moved.",  # one caption, so that its number stays
    )
    (sound,) = listen.playable(listen.moved(waves[clip], kind, length, frontend.config))
    display.audio(
        sound.numpy(), frontend.config.sample_rate, "The chosen clip, moved.", listen.HOW[kind]
    )
    for name, network in systems.items():
        similar = similarity_to_moved(network, spectrograms.to(device), kind, length)[clip].item()
        display.markdown(
            f"{name}: similarity {similar:.2f} to the unmoved clip (1: the same, 0: another clip)."
        )


def length_of(kind: str, share: int, spectrograms: Tensor) -> int:
    """Percent of the axis -> bins for SF, frames for ST, 0 for the flips."""
    bins, frames = spectrograms.shape[-2:]
    return round(share / 100 * {"SF": bins, "ST": frames}.get(kind, 0))
