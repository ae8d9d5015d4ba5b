"""The nodule model: phantoms, examples and the networks that learn from them."""
