"""Many orders at once and for long: `python bench/many_requests.py [--quick] [--requests N] [--only PART]`."""

from __future__ import annotations

from scale.run import main

if __name__ == "__main__":
    main()
