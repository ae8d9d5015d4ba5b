"""Who may call what: accounts, tokens, roles, policies and the check before every call."""
