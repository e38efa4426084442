"""Other servers as this one asks them; it knows nothing of models, so that its callers decide what is kept."""
