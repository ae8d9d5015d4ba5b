"""What specialised models are asked, and what they answer."""
