"""Where tests find captures: ours in this folder, and the larger collection beside the repository."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
"""The repository."""

OWN_CAPTURES: Final = ROOT / "tests" / "captures"
"""Small captures that the repository ships, with their licences."""

SHARED: Final = ROOT.parent / "shared"
"""Captures, generators and reference figures that are not ours to ship."""

CAPTURES: Final = SHARED / "captures"

TOOLS: Final = SHARED / "tools"
