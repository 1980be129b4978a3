"""Say what to do when a compiled module is missing or can't be used, instead of failing later and elsewhere."""

import sysconfig
from importlib import import_module

# Nothing here is guarded against two threads at once: it relies on the interpreter's lock. A module that does not say
# otherwise has the lock switched on again, but PYTHON_GIL=0 overrules that.
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    raise ImportError(
        "spotlane does not support free-threaded Python: use the ordinary build of the same version (python3.14, not "
        "python3.14t), with one event loop to a thread"
    )

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
