"""Look up known vulnerabilities of everything that is locked. usage: audit.py PIP-AUDIT FILE...

Where the index answers no such question it says SKIPPED, and fails if AUDIT=required is set: a release must not pass
for want of an answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys


def look_up(pip_audit: str, file: str) -> list[dict[str, object]] | None:
    """Return what is known of each locked package of a file, or None where nobody answered."""
    command = [pip_audit, "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    asked = subprocess.run([*command, "--requirement", file], capture_output=True, text=True)
    try:
        packages: list[dict[str, object]] = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(asked.stderr.strip(), file=sys.stderr)
        return None
    return packages


def main(pip_audit: str, *files: str) -> int:
    """Print each vulnerable package; return their number, or 1 where an answer is required and missing."""
    vulnerable: dict[str, object] = {}
    silent: set[str] = set()
    known: set[str] = set()
    for file in files:
        packages = look_up(pip_audit, file)
        if packages is None:
            silent.add(file)
            continue
        for package in packages:
            name = f"{package['name']} {package.get('version', '')}".strip()
            if "skip_reason" in package:
                silent.add(name)
            else:
                known.add(name)
                if package["vulns"]:
                    vulnerable[name] = package["vulns"]
    for name, told in vulnerable.items():
        print(f"{name}: {json.dumps(told)}")
    if silent:
        print(f"SKIPPED: the index tells nothing about vulnerabilities of {len(silent)} packages or files")
    print(f"{len(known)} packages looked up, {len(vulnerable)} with known vulnerabilities")
    return len(vulnerable) or int(bool(silent) and os.environ.get("AUDIT") == "required")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
