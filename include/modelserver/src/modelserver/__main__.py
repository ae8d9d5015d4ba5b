"""``python -m modelserver``."""

from __future__ import annotations

import sys

from modelserver.cli import main

sys.exit(main())
