"""Small functions that need nothing of simpleflow."""

from . import retry
from .errors import format_exc, format_exc_type
from .hashing import hex_hash
from .json_tools import json_dumps, json_loads_or_raw, serialize_complex_object
from .objects import full_object_name, import_from_module, issubclass_, remove_none

__all__ = [
    "format_exc",
    "format_exc_type",
    "full_object_name",
    "hex_hash",
    "import_from_module",
    "issubclass_",
    "json_dumps",
    "json_loads_or_raw",
    "remove_none",
    "retry",
    "serialize_complex_object",
]
