"""The columns of a table that fit into a width: which are shown, how wide each is, what is cut."""

from __future__ import annotations

from dataclasses import dataclass

from graphtools.words import elide, plain

TITLES = ("module or operation", "output", "parameters", "FLOPs", "source")
BOLD, DIM, RED, END = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"

_NAME, _OUTPUT, _PARAMETERS, _FLOPS, _SOURCE = range(5)
_GIVING_WAY = ((_SOURCE, 14), (_OUTPUT, 20), (_NAME, 24))  # these are cut first, to so many columns
_LEFT_OUT = (_FLOPS, _PARAMETERS, _SOURCE)  # the least useful first


@dataclass(slots=True)
class Row:
    """One row; `level` indents the name, `style` is an ANSI code for it."""

    level: int
    name: str
    output: str = ""
    parameters: str = ""
    flops: str = ""
    source: str = ""
    style: str = ""

    def cells(self) -> tuple[str, str, str, str, str]:
        return "  " * self.level + self.name, self.output, self.parameters, self.flops, self.source


def layout(rows: list[Row], width: int | None, color: bool) -> tuple[list[str], str]:
    """The rows in columns, and a sentence on the columns that are left out because `width` is too small for them.

    A column that is empty everywhere is not shown. Columns are left out before names are cut to half the width; then
    long cells lose their middle. Nothing is cut if `width` is None.
    """
    table = [tuple(map(plain, row.cells())) for row in rows]
    natural = [max([len(TITLES[i]), *(len(cells[i]) for cells in table)]) for i in range(5)]
    filled = [i for i in range(5) if i == _NAME or any(cells[i] for cells in table)]
    shown, widths = (filled, natural) if width is None else _fit(natural, filled, width)
    lines = []
    for cells, style in [(TITLES, DIM), *zip(table, (row.style for row in rows), strict=True)]:
        parts = [_cell(elide(cells[i], widths[i], middle=i > 0), widths[i], i in (_PARAMETERS, _FLOPS)) for i in shown]
        line = "  ".join(parts).rstrip()
        end = len(parts[0].rstrip())
        lines.append(f"{style}{line[:end]}{END}{line[end:]}" if color and style else line)
    missing = [TITLES[i] for i in filled if i not in shown]
    if not missing:
        return lines, ""
    names = " and ".join([", ".join(missing[:-1]), missing[-1]] if len(missing) > 1 else missing)
    return lines, f"no room for {names}; every column shows at a width of {_total(natural, filled)}"


def _fit(natural: list[int], filled: list[int], width: int) -> tuple[list[int], list[int]]:
    """The columns to show and the widths of all, which add up to at most `width` for those shown."""
    shown, widths = list(filled), list(natural)
    least = [min(natural[i], dict(_GIVING_WAY).get(i, natural[i])) for i in range(5)]
    least[_NAME] = min(natural[_NAME], width // 2)
    for i in _LEFT_OUT:
        if _total(least, shown) > width and i in shown:
            shown.remove(i)
    for i in (_PARAMETERS, _FLOPS):  # without the source, which is wide, another one may fit again
        if i in filled and i not in shown and _total(least, sorted([*shown, i])) <= width:
            shown = sorted([*shown, i])
    for i, floor in _GIVING_WAY:
        over = _total(widths, shown) - width
        if i in shown and over > 0:
            widths[i] = max(min(widths[i], floor), widths[i] - over)
    widths[_NAME] -= max(0, _total(widths, shown) - width)
    return shown, widths


def _total(widths: list[int], shown: list[int]) -> int:
    return sum(widths[i] for i in shown) + 2 * (len(shown) - 1)


def _cell(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
