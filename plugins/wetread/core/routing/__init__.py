"""Which analyses a series gets: a table, what it may ask for, and how it is matched."""
