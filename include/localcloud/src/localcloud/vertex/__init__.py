"""Vertex AI API v1: models, endpoints and online prediction over REST."""
