"""Google's own documents as routing tables and body checks."""
