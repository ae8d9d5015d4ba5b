"""Text that somebody burned into pixels, such as a name: it does not leave."""
