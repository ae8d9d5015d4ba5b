"""HTTP between the socket and a service's handlers."""
