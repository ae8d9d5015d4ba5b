"""``localcloud token ACCOUNT --data DIR``: an access token to paste into curl."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from localcloud.auth.accounts import Accounts
from localcloud.auth.tokens import LIFETIME_SECONDS, TokenMint
from localcloud.errors import GoogleError
from localcloud.state.database import Database


def print_token(arguments: Sequence[str]) -> int:
    """Print a token of an account; whoever can read the data folder can make one.

    The cloud may run meanwhile. Returns the exit code.
    """
    options = _parser().parse_args(arguments)
    path = options.data / "auth.sqlite"
    if not path.exists():
        sys.stderr.write(f"localcloud: no local cloud has its data in {options.data}\n")
        return 2
    database = Database(path)
    try:
        account = Accounts(database).get(options.account)
    except GoogleError as error:
        sys.stderr.write(f"localcloud: {error.message}\n")
        return 2
    finally:
        database.close()
    mint = TokenMint(options.data / "auth")
    sys.stdout.write(mint.mint(account.email, options.lifetime_seconds) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="localcloud token", description="Print an access token of a service account."
    )
    parser.add_argument("account", help="address of the account")
    parser.add_argument("--data", type=Path, required=True, help="the cloud's data folder")
    parser.add_argument("--lifetime-seconds", type=int, default=LIFETIME_SECONDS)
    return parser
