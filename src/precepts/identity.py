"""Hashes and seeds: the same thing has the same name everywhere, and every random choice has one root.

1. `content_hash` is taken over canonical JSON (sorted keys, no spaces), so it depends on content alone.
2. `seed_from` turns the run's seed and a path of names (stage, chunk, item) into an independent 63-bit seed. No
   random choice in Precepts is made any other way, so a chunk gives the same bytes whoever runs it, and when.
3. `file_fingerprint` names a file by all of its contents. `folder_fingerprint` is for model folders: of a file over
   1 MiB it reads the size and sixteen evenly spaced blocks of 64 KiB, since 140 GB of weights would take minutes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_BLOCK = 64 * 1024
_BLOCKS = 16
_WHOLE_BELOW = _BLOCK * _BLOCKS


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no needless spaces; equal content gives equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def content_hash(value: Any, length: int = 16) -> str:
    """The first `length` hex digits of the SHA-256 of `value` as canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()[:length]


def seed_from(*path: Any) -> int:
    """A seed in [0, 2**63) that depends on every part of `path`, in order."""
    return int(content_hash(list(path)), 16) >> 1


def fraction_of(text: str) -> float:
    """A fixed, evenly spread number in [0, 1) for `text`: which side of a split it falls on."""
    return int(content_hash(text, 13), 16) / 16**13


def file_fingerprint(path: Path) -> str:
    """A name for a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _sampled_fingerprint(path: Path) -> str:
    digest = hashlib.sha256()
    size = path.stat().st_size
    digest.update(str(size).encode())
    with path.open("rb") as file:
        if size <= _WHOLE_BELOW:
            digest.update(file.read())
        else:
            for index in range(_BLOCKS):
                file.seek((size - _BLOCK) * index // (_BLOCKS - 1))
                digest.update(file.read(_BLOCK))
    return digest.hexdigest()[:16]


def folder_fingerprint(folder: Path) -> str:
    """A name for the files right inside `folder` (their names and contents), as a model folder has them."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return content_hash([[path.name, _sampled_fingerprint(path)] for path in files])
