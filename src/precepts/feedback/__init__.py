"""One item in, feedback out: critique, revision, AI preference."""
