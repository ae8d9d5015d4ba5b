"""Google Cloud's imaging services on one laptop, for the official clients."""
