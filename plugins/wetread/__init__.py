"""Wetread: a preliminary AI read of every imaging study."""
