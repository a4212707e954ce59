"""The Korean words, which stand in a file of their own: `texts` by their English, `examples` by their names."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache
def korean() -> dict[str, Any]:
    """What `korean.json` holds."""
    return json.loads(Path(__file__).with_name("korean.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]
