#!/usr/bin/env bash
# Starts a broker, catena-dapr, and four services with their sidecars; shows what happens; stops all.
#
#   run.sh          ends when all orders are cooked and added up
#   run.sh --stay   leaves everything running until Ctrl-C
#
# Dapr's programs come from $DAPR_BIN, from `dapr init --slim`, or from `.ci/tools dapr`; ours from
# $CATENA_BIN and $CATENA_DAPR_BIN if set, or else they are built. The libraries of the services
# are installed into $CATENA_SAMPLE_LIBRARIES (target/samples). Ports are the next free ones from
# $CATENA_SAMPLE_PORTS (3500) on.
set -euo pipefail
builds="${CARGO_TARGET_DIR:-}"
if [[ -n $builds ]]; then builds="$(mkdir -p "$builds" && cd "$builds" && pwd)"; fi
cd "$(dirname "${BASH_SOURCE[0]}")"
root="$(cd ../.. && pwd)"
builds="${builds:-$root/target}"
libraries="${CATENA_SAMPLE_LIBRARIES:-$builds/samples}"
next_port="${CATENA_SAMPLE_PORTS:-3500}"
if [[ ${1:-} != "" && ${1:-} != --stay ]]; then sed -n '2,10s/^# \{0,1\}//p' run.sh >&2 && exit 2; fi

find_dapr() {
    local folder
    for folder in "${DAPR_BIN:-}" "$HOME/.dapr/bin" \
        "${CATENA_TOOLS:-$HOME/.cache/catena/tools}/dapr/bin"; do
        if [[ -x $folder/daprd && -x $folder/placement ]]; then dapr="$folder" && return; fi
    done
    echo "daprd and placement, of Dapr, are missing. Install the Dapr CLI, from" \
        "https://docs.dapr.io/getting-started/install-dapr-cli/, and run: dapr init --slim" >&2
    echo "Or build them, for which .ci/tools dapr takes some minutes and, meanwhile, 5 GB." >&2
    exit 1
}

# sidecar NAME HTTP_PORT GRPC_PORT [FLAG..]
sidecar() {
    local name="$1" http="$2" grpc="$3" internal metrics
    shift 3
    port internal metrics
    start "$name-sidecar" env DAPR_COMPONENTS_SOCKETS_FOLDER="$work/sockets" \
        DAPR_HOST_IP=127.0.0.1 "$dapr/daprd" --app-id "$name" \
        --resources-path "$work/components" --placement-host-address "127.0.0.1:$placement" \
        --dapr-listen-addresses 127.0.0.1 --dapr-http-port "$http" --dapr-grpc-port "$grpc" \
        --dapr-internal-grpc-port "$internal" --metrics-port "$metrics" "$@"
}

# service NAME PROTOCOL COMMAND..: a service and its sidecar, whose ports are in $http and $grpc.
service() {
    local name="$1" protocol="$2" app
    shift 2
    port http grpc app
    start "$name" env APP_PORT="$app" DAPR_HTTP_PORT="$http" DAPR_GRPC_PORT="$grpc" "$@"
    sidecar "$name" "$http" "$grpc" --app-port "$app" --app-protocol "$protocol"
}

find_dapr
echo "bringing libraries and building, which takes some minutes the first time"
./install.sh "$libraries"
cargo build --locked --quiet --manifest-path ledger/Cargo.toml --target-dir "$builds/samples"
if [[ -z ${CATENA_BIN:-} || -z ${CATENA_DAPR_BIN:-} ]]; then
    (cd "$root" && cargo build --locked --quiet --bin catena --bin catena-dapr --target-dir "$builds")
fi

catena="${CATENA_BIN:-$builds/debug/catena}"
catena_dapr="${CATENA_DAPR_BIN:-$builds/debug/catena-dapr}"

# Short, since the path of a socket has at most 107 bytes.
work="$(mktemp -d /tmp/catena-dapr.XXXXXX)"
mkdir "$work/sockets" "$work/components"
. ./processes.sh

echo "starting a broker, catena-dapr, and four services with their sidecars"
services_port=$next_port
next_port=$((next_port + 50))
port broker placement raft health metrics
next_port=$services_port
for file in components/*.yaml; do
    sed "s/localhost:1883/localhost:$broker/" "$file" >"$work/$file"
done
start broker "$catena" run --listen "127.0.0.1:$broker" --admin off
wait_for "the broker listens" listens "$broker"
# The components come before the sidecars, which look for sockets once, when they start.
start catena-dapr "$catena_dapr" --sockets-folder "$work/sockets"
wait_for "catena-dapr makes its socket" test -S "$work/sockets/catena.sock"
# Actors need Dapr's placement, which tells the sidecars which of them has which actor.
start placement "$dapr/placement" --port "$placement" --listen-address 127.0.0.1 \
    --initial-cluster "dapr-placement-0=127.0.0.1:$raft" \
    --healthz-port "$health" --healthz-listen-address 127.0.0.1 \
    --metrics-port "$metrics" --metrics-listen-address 127.0.0.1
wait_for "placement listens" listens "$placement"

export NODE_PATH="$libraries/node_modules"
service kitchen http node kitchen/app.js
state="http://127.0.0.1:$http/v1.0/state/statestore"
service ledger grpc "$builds/samples/debug/ledger"
service counter http node counter/app.js
port http grpc
sidecar checkout "$http" "$grpc"
for name in kitchen ledger counter checkout; do says "$name-sidecar" "dapr initialized"; done

DAPR_HTTP_PORT="$http" DAPR_GRPC_PORT="$grpc" "$libraries/.venv/bin/python" checkout/app.py &
wait $!
says kitchen "number 10$"
says ledger "ledger: 10 orders"
says counter "counted up to"
grep -h "^kitchen:" "$work/kitchen.log"
grep -h "^ledger:" "$work/ledger.log" | tail -n 1
grep -h "^counter:" "$work/counter.log"
echo "order 7, as the kitchen keeps it: $(curl -sS "$state/order-7")"

if [[ ${1:-} == --stay ]]; then
    trap 'exit 0' HUP INT TERM
    echo "all of it runs until Ctrl-C, with the broker at port $broker. Logs: $work. Try:"
    echo "  curl $state/order-7"
    wait
fi
