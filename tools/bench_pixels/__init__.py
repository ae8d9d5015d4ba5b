"""How fast images become pictures, beside a tutorial's recipe and beside decoding alone."""
