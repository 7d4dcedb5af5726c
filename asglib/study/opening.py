"""study.open, which imports what it needs when it is called: commands and workers start at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asglib.data.workspace import Workspace
    from asglib.study.opened import Opened


def open(
    name: str, profile: str = "smoke", workspace: Workspace | None = None, strict: bool = True
) -> Opened:
    """The runs of a plan ("table 4", ...), found or computed now: see opened.open."""
    from asglib.study import opened

    return opened.open(name, profile, workspace, strict)
