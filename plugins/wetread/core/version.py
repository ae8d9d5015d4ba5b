"""Which Wetread this is: the wheel's metadata and every result's provenance read it here."""

from typing import Final

VERSION: Final = "0.1.0"
