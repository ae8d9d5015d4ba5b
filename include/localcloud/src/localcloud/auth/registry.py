"""Accounts together with their key files, which are made and removed with them."""

from __future__ import annotations

from localcloud.auth import keys
from localcloud.auth.accounts import Account, Accounts
from localcloud.auth.keys import KeyFiles


class Registry:
    """Creates and removes accounts; at start it points their key files at this cloud."""

    def __init__(self, accounts: Accounts, files: KeyFiles) -> None:
        self.accounts = accounts
        self.files = files
        for account in accounts.all():
            if not files.readdress(account):
                self.renew_key(account.email)

    def create(self, email: str) -> Account:
        """Return the account of an address, made with a key where there is none."""
        return self.accounts.find(email) or self.renew_key(email)

    def renew_key(self, email: str) -> Account:
        """Give an account, new or not, another key."""
        key = keys.generate()
        account = self.accounts.add(email, key.key_id, key.public_key)
        self.files.write(account, key.private_key)
        return account

    def remove(self, email: str) -> None:
        """Delete an account and its key file."""
        self.accounts.remove(email)
        self.files.remove(email)
