"""What a run made, for other tools: records as a trainer's columns, data sets with a card, models to run elsewhere."""
