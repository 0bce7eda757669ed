"""The whole board of any model, outside of a run: suites of prompts and comparisons, asked, graded and counted."""
