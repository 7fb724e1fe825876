#!/usr/bin/env bash
# A Docker engine for one test run, in a folder of its own, and its end without a trace.
#
#   eval "$(infra/test/engine.sh up FOLDER)"    starts it, sets DOCKER_HOST and DOCKER_CONFIG
#   infra/test/engine.sh down FOLDER            stops it and undoes what it changed on the host
#
# Where an engine answers already, `up` starts none and `down` does nothing. Needs root on Debian or Ubuntu;
# fetches docker.io with apt-get where dockerd is missing. Compose is the plug-in that docker has, else the one
# of infra/test/requirements.lock in .venv. KEEP_IMAGES=1 leaves the images in the folder for the next time.
set -euo pipefail
action=${1:?up or down}
folder=$(realpath -m "${2:?a folder for the engine}")
bridge=172.31.77
export DOCKER_HOST=unix://$folder/engine.sock

say() { echo "engine: $*" >&2; }

install_engine() {
    if command -v dockerd >/dev/null; then return; fi
    say "installing docker.io"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends docker.io iptables >/dev/null
}

# What the host was like, so that `down` can put it back.
remember() {
    cat /proc/sys/net/ipv4/ip_forward >"$folder/ip_forward"
    iptables -S FORWARD | head -n 1 >"$folder/forward-policy"
}

# Says where compose is, in a configuration of its own, where docker has none.
find_compose() {
    local found
    if docker compose version >/dev/null 2>&1; then return; fi
    found=$(ls "$(dirname "$0")"/../../.venv/lib/python3*/site-packages/compose/docker-compose 2>/dev/null) \
        || { say "no compose: install infra/test/requirements.lock into .venv"; exit 1; }
    mkdir -p "$folder/config/cli-plugins"
    ln -sf "$(realpath "$found")" "$folder/config/cli-plugins/docker-compose"
    echo "export DOCKER_CONFIG=$folder/config"
}

up() {
    # DOCKER_HOST names our own socket here; what answers without it is somebody else's engine.
    if env -u DOCKER_HOST docker version >/dev/null 2>&1; then
        say "one answers already; it is used"
        unset DOCKER_HOST
        find_compose
        return
    fi
    install_engine
    mkdir -p "$folder"
    if ! docker version >/dev/null 2>&1; then
        remember
        nohup setsid dockerd --data-root "$folder/data" --exec-root "$folder/exec" --host "$DOCKER_HOST" \
            --pidfile "$folder/engine.pid" --bip $bridge.1/24 --storage-driver overlay2 \
            --default-address-pool base=172.31.80.0/20,size=24 >"$folder/engine.log" 2>&1 </dev/null &
        for _ in $(seq 300); do
            if docker version >/dev/null 2>&1; then break; fi
            sleep 0.1
        done
        docker version >/dev/null 2>&1 || { tail -n 5 "$folder/engine.log" >&2; say "did not start"; exit 1; }
    fi
    say "answers at $DOCKER_HOST"
    echo "export DOCKER_HOST=$DOCKER_HOST"
    find_compose
}

stop_engine() {
    local pid
    pid=$(cat "$folder/engine.pid" 2>/dev/null) || return 0
    docker ps -aq | xargs -r docker rm -f >/dev/null 2>&1 || true
    docker network prune -f >/dev/null 2>&1 || true
    kill "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
}

forget_rules() {
    local table line chain
    for table in filter nat; do
        iptables-save -t $table | grep -E '^-A (PREROUTING|OUTPUT|POSTROUTING|FORWARD) ' \
            | grep -E "DOCKER|docker0|${bridge//./\\.}" | sed 's/^-A/-D/' \
            | while read -r line; do eval "iptables -t $table $line"; done || true
        for chain in $(iptables-save -t $table | awk -F'[: ]' '/^:DOCKER/{print $2}'); do iptables -t $table -F "$chain"; done
        for chain in $(iptables-save -t $table | awk -F'[: ]' '/^:DOCKER/{print $2}'); do iptables -t $table -X "$chain"; done
    done
}

down() {
    if [ ! -e "$folder/ip_forward" ]; then return 0; fi
    stop_engine
    awk -v inside="$folder/" 'index($2, inside) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount
    ip link delete docker0 2>/dev/null || true
    forget_rules
    # shellcheck disable=SC2046
    iptables $(cat "$folder/forward-policy")
    cat "$folder/ip_forward" >/proc/sys/net/ipv4/ip_forward
    rm -rf "$folder/exec" "$folder/ip_forward" "$folder/forward-policy"
    if [ "${KEEP_IMAGES:-}" != 1 ]; then rm -rf "$folder"; fi
    say "stopped; the host is as it was"
}

case $action in
    up) up ;;
    down) down ;;
    *) say "$action: up or down"; exit 2 ;;
esac
