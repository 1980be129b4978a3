"""The compiled modules. Their sources are in _ext/spotlane/_core/; the stubs beside this file describe them."""

from spotlane._core import _built as _built
