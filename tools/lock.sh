#!/bin/sh
# Locks what each stage of the Makefile installs: one resolution of everything, so that the stages agree with each other,
# then the part that each needs, with the hashes of every file the index has for it.
# usage: tools/lock.sh UV STAGE=EXTRA[,EXTRA...]... -- [UV-FLAG...]
set -eu
uv=$1
shift
stages=
while [ "$1" != -- ]; do
    stages="$stages $1"
    shift
done
shift
whole=$(mktemp)
trap 'rm -f "$whole"' EXIT
compile() { # FILE FLAG...
    to=$1
    shift
    # The oldest Python that is supported: what differs with it or with the system is told by markers.
    "$uv" pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --output-file "$to" \
        pyproject.toml "$@"
}
# What is locked already is kept, unless it is asked to go on.
cat requirements/*.txt 2>/dev/null | sed -n 's/^\([A-Za-z0-9._-]*==[^ ]*\).*/\1/p' | sort -u > "$whole" || true
compile "$whole" requirements/build.in --all-extras "$@"
for stage in $stages; do
    name=${stage%%=*}
    extras=
    for extra in $(echo "${stage#*=}" | tr , ' '); do
        extras="$extras --extra $extra"
    done
    # shellcheck disable=SC2086
    compile "requirements/$name.txt" requirements/build.in --generate-hashes --constraint "$whole" $extras --upgrade
    echo "requirements/$name.txt: $(grep -c '==' "requirements/$name.txt") packages"
done
# What an installed spotlane brings with it, and nothing else.
compile requirements/dependencies.txt --generate-hashes --constraint "$whole" --upgrade
