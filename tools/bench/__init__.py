"""Rates of the local cloud beside those of other servers, measured in one run."""
