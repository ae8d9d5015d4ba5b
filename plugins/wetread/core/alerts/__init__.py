"""Which findings somebody must be told of, how soon, and in which words."""
