"""All tabs of this server. A reloaded page finds its tab again; one that nobody looks at any more is closed."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tab import Tab

# For which a tab that lost its page waits for a reload: longer than Streamlit waits for a page's connection (120 s).
GRACE_S = 150.0
_LOOK_S = 5.0


@dataclass
class _Kept:
    tab: Tab
    owner: str
    person: str
    left_at: float | None = None


class Tabs:
    """The tabs by their names, which stand in the page's address. `is_active` tells whether a page is still open."""

    def __init__(self, is_active: Callable[[str], bool], grace_s: float = GRACE_S) -> None:
        self._is_active, self._grace_s = is_active, grace_s
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._look, name="graphtools-tabs", daemon=True).start()

    def add(self, tab: Tab, owner: str, person: str) -> str:
        """Keeps a new tab of the page `owner`; returns its name. `person` says whose browser it is."""
        name = secrets.token_urlsafe(9)
        with self._lock:
            self._kept[name] = _Kept(tab, owner, person)
        return name

    def keep(self, name: str, tab: Tab, owner: str, person: str) -> None:
        """Keeps a tab whose page is still there, also where it had been taken for gone."""
        with self._lock:
            self._kept.setdefault(name, _Kept(tab, owner, person))

    def adopt(self, name: str, owner: str, person: str) -> Tab | None:
        """The tab of that name for a page that was loaded again; None if another page has it, or somebody else."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept.person != person or (kept.owner != owner and self._is_active(kept.owner)):
                return None
            kept.owner, kept.left_at = owner, None
            return kept.tab

    def with_draft(self, file: Path, but: Tab) -> list[Tab]:
        """The other tabs in which the draft of that file is open."""
        with self._lock:
            tabs = [kept.tab for kept in self._kept.values() if kept.tab is not but]
        return [tab for tab in tabs if tab.building is not None and tab.building.file == file and tab.building.is_open]

    def __len__(self) -> int:
        return len(self._kept)

    def close_left(self) -> None:
        """Closes the tabs whose page has been gone for longer than the grace."""
        now = time.monotonic()
        with self._lock:
            gone = []
            for name, kept in self._kept.items():
                if self._is_active(kept.owner):
                    kept.left_at = None
                elif kept.left_at is None:
                    kept.left_at = now
                if kept.left_at is not None and now - kept.left_at >= self._grace_s:
                    gone.append(name)
            closed = [self._kept.pop(name).tab for name in gone]
        for tab in closed:
            tab.forget()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_S)
            self.close_left()
