"""Recordings as files: `save` writes one, `load` opens it without the model's code and executes nothing.

A .gt file is a zip of three entries:

    recording.json   {"format": "graphtools.recording", "version": 1, ...}: events, values, gradients, updates, stages
    graph.json       the graph, as `Graph.to_json` writes it
    tensors.bin      the bytes of all tensors, uncompressed; recording.json says where each begins, and its CRC-32

    kept    ::= {"tensor": tensor} | {"value": plain} | {"lost": reason}   , "requires_grad": true
    values  ::= [[node, path, index in kept], ...]
    flow    ::= {"event": index, "incoming": [index in kept | null, ...], "of": [[[node, key, ...], ...], ...], ...}

with `tensor` as in `graphtools.saving.layouts` and `plain` as in `graphtools.saving.plain`. The tensors are raw bytes
and no safetensors file, because that has no strides, no shared memory and no complex32, sparse, nested or quantized
tensors: all of those would need this description anyway, and a second one beside it could contradict it.

Tensors are read when they are looked at, so opening costs the two documents. A stranger's file can be opened: sizes are
checked before memory is taken, nothing is unpickled, imported or evaluated.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile

import torch

from graphtools import compat
from graphtools.encoding import from_json, to_json
from graphtools.encoding.checks import check_header, fields_of, one_of, parse, text
from graphtools.errors import FormatError
from graphtools.recording import Content, Recording, ValueLost
from graphtools.saving.archive import GRAPH, RECORDING, TENSORS, Archive, new_entry, replacing, write_document
from graphtools.saving.reading import ContentReader, read_duration
from graphtools.saving.storing import TensorWriter
from graphtools.saving.writing import ContentWriter
from graphtools.words import elide, plain

FORMAT = "graphtools.recording"
VERSION = 1


def save(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Writes the recording to `path`, all of it or nothing: an interrupted save leaves the file that was there.

    Tensors are brought to the host 16 MiB at a time; memory that several share is written once, and only the part that
    is used. Values kept as a recipe are computed. A value that was lost, or has no plain memory, is noted with the
    reason. Tensors of a class of their own become plain ones. Raises OSError if the file cannot be written.
    """
    with replacing(os.fsdecode(path)) as stream, zipfile.ZipFile(stream, "w") as zipped:
        with compat.without_torch_function(), torch.no_grad():
            with zipped.open(new_entry(TENSORS), "w", force_zip64=True) as entry:
                tensors = TensorWriter(entry)
                fields = ContentWriter(recording, tensors).fields()
        document = {
            "format": FORMAT,
            "version": VERSION,
            "torch": str(torch.__version__),
            "byte_order": sys.byteorder,
            "duration_s": recording.duration_s,
            **fields,
            "storages": tensors.storages,
        }
        write_document(zipped, GRAPH, to_json(recording.graph).encode())
        write_document(zipped, RECORDING, json.dumps(document, allow_nan=False, separators=(",", ":")).encode())


def load(path: str | os.PathLike[str]) -> Recording:
    """The recording in a file that `save` wrote. Executes nothing and needs no code of the model.

    Its graph, events, stages and values equal those saved. Tensors are on the CPU; they are read when they are looked
    at, and then raise ValueLost if the file has been damaged meanwhile. It cannot be run again or edited, and has no
    `error` but its `failure`. Raises FormatError, with the reason, for a file that is damaged, hostile or of a newer
    version, and OSError if there is none.
    """
    name = os.fsdecode(path)
    compat.pause_collector()  # half of the time would go into looking for garbage where there is none
    try:
        content, duration_s = _read(Archive(name))
    except (FormatError, ValueLost) as error:
        raise FormatError(f"{name}: {elide(plain(str(error)), 600)}") from None  # it may quote the stranger's file
    finally:
        compat.resume_collector()
    return Recording(lambda: content, None, duration_s)


def _read(archive: Archive) -> tuple[Content, float]:
    document = parse(archive.document(RECORDING), "a recording")
    check_header(document, FORMAT, VERSION, "a recording")
    archive.check_names()
    names = ("torch", "byte_order", "duration_s", "values", "events", "flows", "updates", "stages", "kept", "storages")
    fields = fields_of(document, RECORDING, ("format", "version", *names))
    text(fields["torch"], "torch")
    if one_of(fields["byte_order"], ("little", "big"), "byte_order") != sys.byteorder:
        raise FormatError(f"it was written on a {fields['byte_order']}-endian machine, and this one is not")
    content = archive.document(GRAPH)
    try:
        graph = from_json(content)
    except FormatError as error:
        raise FormatError(f"{GRAPH}: {error}") from None
    storages = archive.storages(fields["storages"], "storages")
    duration_s = read_duration(fields["duration_s"], "duration_s")
    return ContentReader(fields, graph, storages).content(), duration_s
