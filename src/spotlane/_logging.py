"""Keeps the library silent until its user asks for its log."""

import logging

logging.getLogger("spotlane").addHandler(logging.NullHandler())
