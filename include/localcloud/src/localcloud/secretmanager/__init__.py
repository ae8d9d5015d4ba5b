"""Secret Manager API v1 over REST."""
