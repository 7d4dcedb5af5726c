"""A panel for JupyterLab: choose clip, move and length; see, hear and compare (section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import ipywidgets as widgets
import pandas as pd
from torch import Tensor

from asglib.adversaries import KINDS, move
from asglib.encoder import Encoder
from asglib.frontend import LogSpectrogram
from asglib.sensitivity import similarity_to_moved
from asglib.study import figures, listen
from asglib.study.report import display

CLIPS = 64  # the first ones, to choose from


@dataclass(frozen=True)
class Explorer:
    """Waves [clips, N], their index rows, and the encoders to be compared."""

    waves: Tensor
    rows: pd.DataFrame
    systems: Mapping[str, Encoder]
    frontend: LogSpectrogram
    device: str = "cpu"

    @cached_property
    def spectrograms(self) -> Tensor:
        """The clips that the similarity is relative to."""
        return self.frontend(self.waves[:CLIPS])

    def panel(self) -> widgets.Widget:
        """Controls above what they change: spectrograms, sound, and how near the embeddings are."""
        factors = self.rows[["pattern", "register", "direction", "order"]].agg(", ".join, axis=1)
        names = [(f"{number}: {text}", number) for number, text in enumerate(factors[:CLIPS])]
        length = {"min": 0, "max": 50, "tooltip": "of the axis; a flip has no length"}
        controls = {
            "clip": widgets.Dropdown(options=names, description="clip"),
            "kind": widgets.ToggleButtons(options=KINDS, description="move"),
            "share": widgets.IntSlider(
                value=20, description="length (%)", continuous_update=False, **length
            ),
        }
        shown = widgets.interactive_output(self.show, controls)
        return widgets.VBox([*controls.values(), shown])

    def show(self, clip: int, kind: str, share: int) -> None:
        """One state of the panel."""
        length, config = self.length(kind, share), self.frontend.config
        moved = f"moved: {kind} by {length}" if kind in ("SF", "ST") else f"moved: {kind}"
        plain, named = self.spectrograms[clip], f"Clip {clip}, {moved}."
        panels = {"the clip": plain, moved: move(plain, kind, length)}
        seen = figures.spectrograms(panels, config)
        display.figure(seen, f"The spectrogram of clip {clip}, and {moved}.", named)
        (sound,) = listen.playable(listen.moved(self.waves[clip], kind, length, config))
        display.audio(sound.numpy(), config.sample_rate, named, listen.HOW[kind])
        x = self.spectrograms.to(self.device)
        for name, encoder in self.systems.items():
            near = similarity_to_moved(encoder, x, kind, length)[clip].item()
            told = f"similarity {near:.2f} to the unmoved clip (1: the same, 0: another clip)."
            display.markdown(f"{name}: {told}")

    def length(self, kind: str, share: int) -> int:
        """Percent of the axis -> bins for SF, frames for ST, 0 for the flips."""
        bins, frames = self.spectrograms.shape[-2:]
        return round(share / 100 * {"SF": bins, "ST": frames}.get(kind, 0))
