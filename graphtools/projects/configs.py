"""The settings of a project: its config file, as data."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_NAMES = ("config", "configs", "conf", "settings", "hparams", "default", "params")
_SUFFIXES = (".toml", ".json", ".yaml", ".yml")


def find_configs(folder: Path) -> list[Path]:
    """The config files of a project, the likeliest first: `config.toml` itself, then those in `configs/` and so on."""
    here = [file for file in _files(folder) if file.stem.lower() in _NAMES]
    below = [file for name in _NAMES for file in _files(folder / name)]
    order = {suffix: index for index, suffix in enumerate(_SUFFIXES)}
    ranked = [*sorted(here, key=lambda f: (order[f.suffix], f.name))]
    ranked += sorted(below, key=lambda f: (f.stem.lower() not in _NAMES, order[f.suffix], f.name))
    return ranked


def read_config(file: Path) -> tuple[dict[str, Any], str]:
    """The settings in a file, and what is wrong with it, if something is. YAML is read only where PyYAML is there."""
    try:
        content = file.read_text(encoding="utf-8")
        if file.suffix == ".toml":
            found: Any = tomllib.loads(content)
        elif file.suffix == ".json":
            found = json.loads(content)
        else:
            try:
                import yaml
            except ImportError:
                return {}, "it is YAML, which needs PyYAML: pip install pyyaml"
            try:
                found = yaml.safe_load(content)
            except yaml.YAMLError as error:
                return {}, f"it is no YAML: {error}"
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"it cannot be read: {error}"
    return (found, "") if isinstance(found, dict) else ({}, f"it holds {type(found).__name__}, no settings by name")


def everywhere(settings: Mapping[str, Any], name: str) -> list[Any]:
    """The values of all settings called `name`, at any depth, outermost first."""
    return [value for key, value in _walk(settings) if key == name]


def named_in(settings: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """The settings that stand beside a setting whose value is `name`, those of an `args` table among them; None if
    nothing is called so."""
    if name in settings.values():
        beside = {key: value for key, value in settings.items() if value != name}
        for key in ("args", "kwargs", "params", "arguments"):
            if isinstance(beside.get(key), Mapping):
                beside |= beside[key]
        return beside
    below = (named_in(value, name) for value in settings.values() if isinstance(value, Mapping))
    return next((found for found in below if found is not None), None)


def _walk(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from settings.items()
    for value in settings.values():
        if isinstance(value, Mapping):
            yield from _walk(value)


def _files(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.iterdir() if file.suffix in _SUFFIXES and file.is_file()]
    except OSError:
        return []
