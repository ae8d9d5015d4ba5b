"""Serves small imaging models as a custom container of Vertex AI does."""
