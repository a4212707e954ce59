"""Numbers, settings and names in few characters, and one line of a file: what text views are made of."""

from __future__ import annotations

import keyword
import linecache
import os
import re
import textwrap

_LARGEST_SOURCE = 20_000_000  # bytes; no source file that a person wrote is longer


def count_text(count: int) -> str:
    """A count in three or four digits: `512`, `9.41 k`, `11.69 M`, `236.0 M`, `3.63 G`."""
    for power, unit in ((18, "E"), (15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        value = count / 10**power
        if value >= 0.99995:
            return f"{value:.{2 if value < 99.995 else 1}f} {unit}"
    return str(count)


def bytes_text(n_bytes: int) -> str:
    """Bytes in binary units: `512 B`, `44.7 MiB`."""
    value, unit = float(n_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1023.95:
            break
        value, unit = value / 1024, larger
    return f"{n_bytes} B" if unit == "B" else f"{value:.1f} {unit}"


def seconds_text(duration_s: float) -> str:
    """A duration as "2.31 s", below a tenth of a second as "4.2 ms"."""
    return f"{duration_s:.2f} s" if duration_s >= 0.1 else f"{duration_s * 1000:.2g} ms"


def plain(text: str) -> str:
    """`text` on one line without control characters, which could move the cursor or color what follows."""
    if text.isprintable():
        return text
    unknown = "\N{REPLACEMENT CHARACTER}"
    return "".join(letter if letter.isprintable() else " " if letter.isspace() else unknown for letter in text)


def is_name(text: str) -> bool:
    """Whether Python takes a text as a name: letters, digits and _, and no word of its grammar."""
    return text.isidentifier() and not keyword.iskeyword(text)


def elide(text: str, width: int, middle: bool = True) -> str:
    """`text` in at most `width` characters, an ellipsis in place of its middle, or of its end."""
    if len(text) <= width:
        return text
    if width < 2:
        return "…"[:width]
    tail = (width - 1) // 2 if middle else 0
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def wrapped(text: str, width: int, indent: str = "", first: str = "") -> list[str]:
    """`text` without control characters in lines of at most `width`, the first indented by `first`."""
    return textwrap.wrap(plain(text), width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)


def source_line(file: str, line: int) -> str:
    """That line of a source file, or of a cell that Python still knows; "" if it cannot be read."""
    if file not in linecache.cache:  # a path may come from a stranger's document: no device, no pipe, nothing huge
        try:
            if not os.path.isfile(file) or os.path.getsize(file) > _LARGEST_SOURCE:
                return ""
        except (OSError, ValueError):
            return ""
    return linecache.getline(file, line)


def settings_text(class_name: str, settings: str) -> str:
    """The settings of a module in a few characters, from its repr: `7×7 3→64 /2`, `512→10`, `0.5`; "" for others."""
    words, named = _split(settings)
    if re.search(r"Conv|Pool", class_name):
        stride = _times(named.get("stride", ""), once=True)
        return " ".join(
            part
            for part in (
                _times(named.get("kernel_size", "")),
                _arrow(*words[:2]) if "Conv" in class_name else "",
                f"→{_times(named['output_size'])}" if "output_size" in named else "",
                f"/{stride}" if stride not in ("", "1") else "",
            )
            if part
        )
    if "in_features" in named:
        return _arrow(named["in_features"], named.get("out_features", ""))
    if re.search(r"Embedding|LSTM|GRU|RNN", class_name):
        return _arrow(*words[:2])
    if "Norm" in class_name:
        return _times(words[0]) if words else ""
    return named.get("p", "") if "Dropout" in class_name else ""


def _arrow(first: str = "", second: str = "") -> str:
    return f"{first}→{second}" if first and second else ""


def _times(sizes: str, once: bool = False) -> str:
    """`(3, 3)` as `3×3`; with `once`, equal sizes are said once."""
    parts = [part.strip() for part in sizes.strip("()[] ").split(",") if part.strip()]
    return parts[0] if once and len(set(parts)) == 1 else "×".join(parts)


def _split(settings: str) -> tuple[list[str], dict[str, str]]:
    """Positional and named settings, cut at the commas that stand outside brackets."""
    parts = re.split(r",\s*(?![^(\[]*[)\]])", settings)
    words = [part.strip() for part in parts if part.strip() and "=" not in part]
    named = {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in parts if "=" in part)}
    return words, named
