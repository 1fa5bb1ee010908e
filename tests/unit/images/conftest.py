"""tools/ on the path, as `make images` has it; and tools/images itself, as the build of the images has it."""

from __future__ import annotations

import sys
from pathlib import Path

TOOLS = Path(__file__).parents[3] / "tools"
sys.path.append(str(TOOLS))
