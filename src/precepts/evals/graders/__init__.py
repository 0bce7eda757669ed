"""One grader a file: a prompt and a response in, a verdict out."""
