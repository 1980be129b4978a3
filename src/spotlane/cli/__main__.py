"""`python -m spotlane.cli`."""

import sys

from spotlane.cli.main import main

sys.exit(main())
