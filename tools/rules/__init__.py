"""The documented rules that the contract tests prove."""
