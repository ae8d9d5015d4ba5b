"""Pub/Sub: the gRPC services Publisher and Subscriber of google.pubsub.v1 over SQLite."""
