"""Lists of what an application needs, as resolvers write them: which files an index must have for it."""
