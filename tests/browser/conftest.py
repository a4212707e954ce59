"""Where GRAPHTOOLS_REQUIRE_BROWSER is set, as in CI, a missing browser fails instead of being skipped."""

from __future__ import annotations

import os
import shutil

if os.environ.get("GRAPHTOOLS_REQUIRE_BROWSER"):
    found = os.environ.get("GRAPHTOOLS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        raise RuntimeError("no Chromium, and GRAPHTOOLS_REQUIRE_BROWSER is set: apt-get install chromium")
