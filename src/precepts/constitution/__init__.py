"""Principles: what they are, where they are read from, how they are drawn."""

from precepts.constitution.draw import draw_principle, draw_principles, sample_constitution
from precepts.constitution.load import builtin_constitutions, load_constitution, read_constitution
from precepts.constitution.schema import Constitution, Principle, Source

__all__ = [
    "Constitution",
    "Principle",
    "Source",
    "builtin_constitutions",
    "draw_principle",
    "draw_principles",
    "load_constitution",
    "read_constitution",
    "sample_constitution",
]
