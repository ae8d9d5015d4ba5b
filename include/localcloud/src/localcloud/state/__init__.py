"""What survives a restart: SQLite tables and content-addressed files."""
