#!/usr/bin/env bash
# Builds the stand-ins for the public images, from Debian's packages, Maven's jars and our own lock. Those that
# the engine has already are kept. DOCKER_HOST says which engine (infra/test/engine.sh).
set -euo pipefail
cd "$(dirname "$0")"
root=$(realpath ../..)
work=$(mktemp -d)  # what is fetched lies here, never among the sources
trap 'umount "$work"/base/proc "$work"/base/sys 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT

say() { echo "images: $*" >&2; }

have() { docker image inspect "offhook-test/$1:local" >/dev/null 2>&1; }

# build NAME: from its folder, and what was put beside it
build() {
    say "$1"
    cp -r "$1" "$work"
    docker build -q -t "offhook-test/$1:local" "$work/$1" >/dev/null
}

mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1
}

# A Debian of 80 MB, by debootstrap.
build_base() {
    say "base"
    command -v debootstrap >/dev/null || { apt-get update -qq; apt-get install -qq -y debootstrap >/dev/null; }
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" "$(mirror)" >"$work/log" 2>&1 \
        || { tail -n 5 "$work/log" >&2; exit 1; }
    tar -C "$work/base" --exclude='./var/lib/apt/lists/*' --exclude='./var/cache/apt/*.bin' --exclude='*.deb' \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -c . \
        | docker import - offhook-test/base:local >/dev/null
}

# With the certificates that this machine trusts besides Debian's: else pip reaches no registry from within.
build_python() {
    mkdir -p "$work/python/ca"
    cp /usr/local/share/ca-certificates/*.crt "$work/python/ca/" 2>/dev/null || true
    build python
}

build_kafka() {
    mkdir -p "$work/kafka/libs"
    (cd "$root" && .venv/bin/python -c 'from offhook.dev import jars; print(jars.fetched())') >"$work/jars"
    cp "$(cat "$work/jars")"/*.jar "$work/kafka/libs/"
    build kafka
}

# Our own is built as a user builds it, by compose, each time: the sources may have changed.
build_offhook() {
    say "offhook"
    OFFHOOK_SECRETS=$work COMPOSE_BAKE=false docker compose --project-directory .. \
        -f ../compose.yaml -f ../compose.test.yaml build --quiet streams
}

have base || build_base
have python || build_python
have kafka || build_kafka
have prometheus || build prometheus
build_offhook
build clickhouse
