"""Where chunks of work run."""
