"""From a stored instance to the 8-bit pictures that a model or a person looks at."""
