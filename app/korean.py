"""The interface in Korean, by its English text."""

from __future__ import annotations

KOREAN: dict[str, str] = {}
