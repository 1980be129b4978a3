"""The inputs that the repository keeps: one file a target, a JSON string in Latin-1 on each line."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz_seeds import seeds

TARGETS = ("decoder", "encoder", "reader", "signer", "journal")
CORPUS = Path(__file__).resolve().parent / "corpus"


def inputs(target: str) -> list[bytes]:
    """Return what a target begins with: the seeds, and what earlier runs have found."""
    packed = CORPUS / f"{target}.jsonl"
    known = packed.read_text().splitlines() if packed.exists() else []
    return [*seeds(target), *(json.loads(line).encode("latin-1") for line in known)]
