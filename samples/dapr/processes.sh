# Starts processes, waits for them, and ends them all. For run.sh, whose $work has their logs.
#
# shellcheck shell=bash
names=() processes=()

# runs PROCESS: whether it is one of ours, and has not ended.
runs() { [[ " "$(jobs -pr)" " =~ [[:space:]]$1[[:space:]] ]]; }

# Ends all that was started, the last one first: services and sidecars before what they need.
stop() {
    local status=$? number turns
    trap - EXIT
    trap '' HUP INT TERM
    for ((number = ${#processes[@]} - 1; number >= 0; number--)); do
        runs "${processes[number]}" || continue
        kill "${processes[number]}" 2>/dev/null || true
        for ((turns = 0; turns < 200; turns++)); do
            runs "${processes[number]}" || continue 2
            sleep 0.1
        done
        echo "${names[number]} does not end by itself" >&2
        kill -9 "${processes[number]}" 2>/dev/null || true
    done
    if [[ $status == 0 || $status == 130 ]]; then rm -rf "$work"; else echo "logs: $work" >&2; fi
    exit "$status"
}
trap stop EXIT
trap 'exit 130' HUP INT TERM

# start NAME COMMAND..: runs it in the background, with its output in a log.
start() {
    local name="$1"
    shift
    "$@" >"$work/$name.log" 2>&1 </dev/null &
    names+=("$name") processes+=($!)
}

# wait_for WHAT COMMAND..: waits until the command succeeds. All that was started has to run.
wait_for() {
    local what="$1" number turns
    shift
    for ((turns = 0; turns < 1200; turns++)); do
        if "$@" 2>/dev/null; then return; fi
        for ((number = 0; number < ${#names[@]}; number++)); do
            if runs "${processes[number]}"; then continue; fi
            echo "${names[number]} has ended, before $what. It said:" >&2
            tail -n 20 "$work/${names[number]}.log" >&2
            exit 1
        done
        sleep 0.1
    done
    echo "not within two minutes: $what" >&2
    exit 1
}

says() { wait_for "$1 says '$2'" grep -q "$2" "$work/$1.log"; }

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# port NAME..: puts free ports into variables of these names.
port() {
    local name
    for name in "$@"; do
        while listens "$next_port"; do next_port=$((next_port + 1)); done
        printf -v "$name" %s "$next_port"
        next_port=$((next_port + 1))
    done
}
