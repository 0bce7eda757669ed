"""The run folder: shards, fingerprints, resume, lock, progress."""
