"""Whether what is kept is what was put: finding damage, holding it back, and undoing it."""
