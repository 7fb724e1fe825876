#!/usr/bin/env bash
# Builds the stand-ins for the public images, from Debian's packages, Maven's jars and our own lock. Those that
# the engine has already are kept. DOCKER_HOST says which engine (infra/test/engine.sh).
set -euo pipefail
cd "$(dirname "$0")"
root=$(realpath ../..)
work=$(mktemp -d)
trap 'rm -rf "$work"; rm -rf python/ca kafka/libs' EXIT

say() { echo "images: $*" >&2; }

have() { docker image inspect "offhook-test/$1:local" >/dev/null 2>&1; }

mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1
}

build_base() {
    if have base; then return; fi
    say "a Debian base, by debootstrap"
    command -v debootstrap >/dev/null || { apt-get update -qq; apt-get install -qq -y debootstrap >/dev/null; }
    debootstrap --variant=minbase --include=ca-certificates bookworm "$work/base" "$(mirror)" >"$work/log" 2>&1 \
        || { tail -n 5 "$work/log" >&2; exit 1; }
    tar -C "$work/base" --exclude='./var/lib/apt/lists/*' --exclude='./var/cache/apt/*.bin' --exclude='*.deb' \
        --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -c . \
        | docker import - offhook-test/base:local >/dev/null
}

# Certificates that this machine trusts besides Debian's: else pip reaches no registry from within.
own_certificates() {
    mkdir -p python/ca
    cp /usr/local/share/ca-certificates/*.crt python/ca/ 2>/dev/null || true
}

build_python() {
    if have python; then return; fi
    say "python, from Debian"
    own_certificates
    docker build -q -t offhook-test/python:local python >/dev/null
}

kafka_jars() {
    if have kafka; then return; fi
    mkdir -p kafka/libs
    (cd "$root" && .venv/bin/python -c 'from offhook.dev import jars; print(jars.fetched())') >"$work/jars"
    cp "$(cat "$work/jars")"/*.jar kafka/libs/
}

compose() { COMPOSE_BAKE=false docker compose --project-directory .. -f ../compose.yaml -f ../compose.test.yaml "$@"; }

build_base
build_python
kafka_jars
say "offhook"
compose build --quiet streams
for name in kafka clickhouse prometheus; do
    if [ "$name" = clickhouse ] || ! have $name; then
        say "$name"
        compose build --quiet $name
    fi
done
