"""Views of a run folder for looking closely. Nothing depends on this room."""
