"""Whole requests beside the raw floor and the peers: `python bench/whole_requests.py [--quick]`."""

from __future__ import annotations

from whole.run import main

if __name__ == "__main__":
    main()
