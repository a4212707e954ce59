"""One HTML page that shows a graph, with everything in it: it opens from a file, without Python or a network."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import json
import os
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from graphtools.errors import missing
from graphtools.graph import Graph
from graphtools.payload import graph_payload

# The hash allows one script and no other, whatever a name in the data holds; the viewer's style needs 'unsafe-inline',
# and the worker that lays out large graphs is a blob of that script.
_POLICY = (
    "default-src 'none'; script-src 'sha256-{digest}'; worker-src blob:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'"
)
_PAGE = """<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>html, body {{ margin: 0; height: 100%; }} #graph {{ height: 100%; }}</style>
</head>
<body>
<div id="graph"></div>
<noscript>This page draws a graph with JavaScript, which is turned off.</noscript>
<script type="application/json" data-graphtools="graph">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def to_html(
    graph: Graph,
    file: str | os.PathLike[str] | None = None,
    title: str | None = None,
    language: str = "en",
) -> str | Path:
    """The page as text, or the path it was written to if `file` is given, all of it or nothing.

    `title` is the model's name if not given. Raises OSError, naming the file, if it cannot be written.
    """
    options = {"title": title or "", "focus": True, "language": language}
    data = {"payload": graph_payload(graph), "options": options}
    page = page_html(data, title or graph.capture.model or "graph", language)
    if file is None:
        return page
    path = Path(file)
    write_whole(path, page)
    return path


LANGUAGES = ("en", "ko")  # in which the viewer has its words


def page_html(data: dict[str, Any], title: str, language: str = "en") -> str:
    """The page around the data that the viewer's `mount` takes: `payload` and `options`.

    Raises MissingError for a language that the viewer does not have.
    """
    if language not in LANGUAGES:
        raise missing("language", language, LANGUAGES)
    # Inside a script element only `</script` ends the text, so the bundle may hold any other character.
    script = bundle().replace("</script", r"<\/script").replace("<!--", r"<\!--")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return _PAGE.format(
        language=language,
        policy=html.escape(_POLICY.format(digest=digest)),
        title=html.escape(title),
        data=json_for_script(data),
        script=script,
    )


def json_for_script(data: Any) -> str:
    """JSON that can stand in a script element: no `<` in it can end the element or start a comment."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", r"\u003c")


def bundle() -> str:
    """The viewer's ES module, as built from `src`."""
    return resources.files("graphtools.viewer").joinpath("static", "graphtools.js").read_text(encoding="utf-8")


def write_whole(path: Path, text: str) -> None:
    """Writes `text` to `path`; a reader sees the old file or all of the new one. Raises OSError naming `path`."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        _share_like_new_file(temporary)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"the page could not be written to {str(path)!r}: {reason}") from error


def _share_like_new_file(name: str) -> None:
    """mkstemp makes a file for its owner only; gives it the rights that `open` would have given."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)
