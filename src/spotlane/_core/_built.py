"""Say how to build when a compiled module is missing, instead of failing later and elsewhere."""

from importlib import import_module

EXTENSIONS = (
    "decimals",
    "slots",
    "structs",
    "encoding",
    "json_encoding",
    "forms",
    "secret",
    "signing",
    "header_auth",
    "columns",
    "faults",
    "tables",
    "decoding",
    "replies",
    "lane",
    "berths",
    "order_check",
    "guards",
    "circuits",
    "echoes",
    "records",
    "journal",
)

for _name in EXTENSIONS:
    try:
        import_module(f"spotlane._core.{_name}")
    except ModuleNotFoundError as error:
        if error.name != f"spotlane._core.{_name}":
            raise
        raise ImportError(
            f"spotlane's compiled module {error.name} is not built for this interpreter: run `pip install .` (or "
            "`pip install -e .`) in the source folder; it needs a C compiler and Python's headers"
        ) from None
