#!/bin/sh
# Writes what an installed spotlane consists of, itself and what it needs at run time, as a CycloneDX document.
# usage: tools/sbom.sh CYCLONEDX-PY
set -eu
mkdir -p dist
"$1" requirements --pyproject pyproject.toml --mc-type library --output-reproducible --of JSON \
    --output-file dist/spotlane.cdx.json requirements/dependencies.txt
echo "dist/spotlane.cdx.json: $(grep -c '"bom-ref"' dist/spotlane.cdx.json) components"
