"""Prompts and comparisons from outside: built-in sets, files, the Hub; split by hash."""
