"""What a stage's records depend on, as named parts, and the fingerprint that is their hash.

1. Parts are settings, constitution, prompts, models, and the fingerprints of the stages it reads. Same fingerprint,
   same records.
2. They are flat and named as the recipe names them (`revise.rounds`), so that a refusal can say which setting changed,
   from what, to what.
"""

from __future__ import annotations

import json
from typing import Any

from precepts.identity import content_hash

Parts = dict[str, Any]
UPSTREAM = "upstream."  # the prefix of a part that is the fingerprint of a stage this one reads
HANGS_ON = "hangs on "


def fingerprint(parts: Parts) -> str:
    """The name of everything a stage's records depend on."""
    return content_hash(parts)


def flat(value: Any, name: str) -> Parts:
    """Nested settings as flat parts: `{"a": [{"b": 1}]}` named `x` gives `{"x.a[0].b": 1}`."""
    if isinstance(value, dict) and value:
        below = {f"{name}.{key}": inner for key, inner in value.items()}
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        below = {f"{name}[{index}]": inner for index, inner in enumerate(value)}
    else:
        return {name: value}
    return {key: each for path, inner in below.items() for key, each in flat(inner, path).items()}


def changed_parts(old: Parts, new: Parts) -> list[str]:
    """A phrase for each part that differs: `revise.rounds was 4, is 2`; `hangs on NAME` for a stage it reads."""
    differ = [key for key in sorted({*old, *new}) if key not in old or key not in new or old[key] != new[key]]
    return [
        HANGS_ON + key.removeprefix(UPSTREAM) if key.startswith(UPSTREAM) else _was_is(key, old, new) for key in differ
    ]


def _was_is(key: str, old: Parts, new: Parts) -> str:
    was, now = (_short(parts[key]) if key in parts else "not set" for parts in (old, new))
    return f"{key} was {was}, is {now}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
