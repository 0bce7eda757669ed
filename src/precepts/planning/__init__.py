"""What a run will cost before it is run: the method's own code on a sample of its prompts, scaled up."""
