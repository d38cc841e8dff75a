"""``python -m sameplayer`` is the command line."""

import sys

from sameplayer.cli import main

sys.exit(main())
