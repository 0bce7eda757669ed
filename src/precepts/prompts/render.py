"""Every word sent to a model: template files, and the one function that fills them.

1. A template is a text file in `templates/`; `{name}` is a place to fill, and nothing else is special.
2. Filling is a single pass: what is put into a place is never looked at again, so a response that contains
   `{first}` or `{principle}` stays what it is.
3. `wording_hash` names the exact wording; it is part of the fingerprint of each stage that uses it.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from precepts.identity import content_hash

_PLACE = re.compile(r"\{([a-z_]+)\}")


@cache
def template(name: str) -> str:
    """The text of `templates/NAME.txt`, without its final newline."""
    return (resources.files("precepts.prompts") / "templates" / f"{name}.txt").read_text("utf-8").removesuffix("\n")


def fill(text: str, **values: str) -> str:
    """`text` with each `{name}` replaced by `values[name]`, in one pass. Raises KeyError for a name not given."""
    return _PLACE.sub(lambda place: values[place.group(1)], text)


def wording_hash(*files: str) -> str:
    """A name for the wording in these files, given relative to the prompts room (`templates/x.txt`)."""
    room = resources.files("precepts.prompts")
    return content_hash([[name, room.joinpath(*name.split("/")).read_text("utf-8")] for name in files])
