#!/usr/bin/env bash
# Mosquitto's command-line clients against a running broker. The command line is that of
# clients/README.md.
set -uo pipefail

host=127.0.0.1 port=1883 version=5 scenarios="" secure=()
while (($#)); do
    case "$1" in
        --host) host="$2" && shift ;;
        --port) port="$2" && shift ;;
        --version) version="$2" && shift ;;
        --scenario) scenarios="$2" && shift ;;
        --tls-ca) secure=(--cafile "$2") && shift ;;
        *) echo "no such option here: $1" >&2 && exit 2 ;;
    esac
    shift
done

deadline=20 # Seconds.
broker=(-h "$host" -p "$port" "${secure[@]}")
if [[ $version == 5 ]]; then
    broker+=(-V mqttv5)
    lasting=(-c -x 300)
else
    broker+=(-V mqttv311)
    lasting=(-c)
fi
folder="$(mktemp -d)"
children=()
trap 'kill "${children[@]}" 2>/dev/null; rm -rf "$folder"' EXIT

# Ends the scenario, which runs in a shell of its own.
fail() {
    echo "$*" >"$folder/why"
    exit 1
}

publish() {
    timeout "$deadline" mosquitto_pub "${broker[@]}" "$@" || fail "mosquitto_pub $* ends with $?"
}

# fetch OPTIONS..: a subscriber that ends by itself.
fetch() {
    timeout "$deadline" mosquitto_sub "${broker[@]}" "$@" || fail "mosquitto_sub $* ends with $?"
}

# listen VARIABLE OPTIONS..: starts a subscriber, waits for its SUBACK. The variable is for `await`.
listen() {
    begin "$@"
    await "${!1}" 'Subscribed *'
}

# begin VARIABLE OPTIONS..: starts a subscriber.
begin() {
    local -n pipe="$1"
    shift
    exec {pipe}< <(exec stdbuf -oL mosquitto_sub "${broker[@]}" -d -F '=%q %r %p' "$@" 2>&1)
    children+=("$!")
}

# await PIPE PATTERN: reads on until a line looks so; leaves it in $line.
await() {
    while IFS= read -r -t "$deadline" -u "$1" line; do
        # shellcheck disable=SC2053
        if [[ $line == $2 ]]; then return; fi
    done
    fail "no line like $2 within $deadline s"
}

# expect PIPE MESSAGE: the next message, as "QOS RETAIN PAYLOAD".
expect() {
    await "$1" '=*'
    [[ $line == "=$2" ]] || fail "message: found ${line#=}, expected $2"
}

deliver() {
    local qos="$1" lower="$(($1 < 1 ? $1 : 1))" subscriber
    listen subscriber -i "m-qos$qos" -q "$qos" -t "mosquitto/qos$qos"
    seq 10 | publish -l -q "$qos" -t "mosquitto/qos$qos"
    for number in {1..10}; do expect "$subscriber" "$qos 0 $number"; done
    listen subscriber -i "m-lower$qos" -q "$lower" -t 'mosquitto/lower/+'
    publish -q 2 -t mosquitto/lower/a -m lower
    expect "$subscriber" "$lower 0 lower"
}

scenario_qos0() { deliver 0; }
scenario_qos1() { deliver 1; }
scenario_qos2() { deliver 2; }

scenario_retained() {
    local early later last
    listen early -i m-early -q 1 -t mosquitto/retained/+
    publish -q 1 -r -t mosquitto/retained/a -m kept
    expect "$early" "1 0 kept"
    listen later -i m-later -q 1 -t 'mosquitto/retained/#'
    expect "$later" "1 1 kept"
    publish -q 1 -r -n -t mosquitto/retained/a
    expect "$early" "1 0 "
    listen last -i m-last -q 1 -t 'mosquitto/retained/#'
    publish -q 1 -t mosquitto/retained/b -m marker
    expect "$last" "1 0 marker"
}

scenario_will() {
    local watcher mortal
    listen watcher -i m-watcher -q 1 -t mosquitto/will
    listen mortal -i m-mortal -t mosquitto/other \
        --will-topic mosquitto/will --will-payload gone --will-qos 1
    kill -KILL "${children[-1]}"
    expect "$watcher" "1 0 gone"
    fetch -i m-mortal -t mosquitto/other -E --will-topic mosquitto/will --will-payload unwanted
    publish -q 1 -t mosquitto/will -m marker
    expect "$watcher" "1 0 marker"
}

scenario_unsubscribe() {
    local found
    fetch -i m-leaver "${lasting[@]}" -q 1 -t mosquitto/left -t mosquitto/stays -E
    fetch -i m-leaver "${lasting[@]}" -q 1 -U mosquitto/left -t mosquitto/stays -E
    publish -q 1 -t mosquitto/left -m unwanted
    publish -q 1 -t mosquitto/stays -m wanted
    found="$(fetch -i m-leaver "${lasting[@]}" -q 1 -t mosquitto/stays -C 1)"
    [[ $found == wanted ]] || fail "found $found, expected wanted"
}

scenario_shared() {
    local members=() member number found=""
    for number in 1 2; do
        listen member -i "m-member$number" -q 1 \
            -t '$share/group/mosquitto/shared' -t "mosquitto/end/$number"
        members+=("$member")
    done
    seq 101 120 | publish -l -q 1 -t mosquitto/shared
    # Once the members have got these, none of the above is under way any more.
    for number in 1 2; do publish -q 1 -t "mosquitto/end/$number" -m end; done
    for member in "${members[@]}"; do
        while await "$member" '=*' && [[ $line != *end ]]; do found+="${line##* }"$'\n'; done
    done
    [[ $(sort -n <<<"${found%$'\n'}") == "$(seq 101 120)" ]] || fail "the group got" $found
}

scenario_resume() {
    local subscriber
    fetch -i m-resume -t mosquitto/resume -E
    fetch -i m-resume "${lasting[@]}" -q 2 -t mosquitto/resume -E
    seq 10 | publish -l -q 1 -t mosquitto/resume
    seq 11 20 | publish -l -q 2 -t mosquitto/resume
    begin subscriber -i m-resume "${lasting[@]}" -q 2 -t mosquitto/resume
    for number in {1..10}; do expect "$subscriber" "1 0 $number"; done
    for number in {11..20}; do expect "$subscriber" "2 0 $number"; done
}

scenario_takeover() {
    local first sign='*sending CONNECT'
    if [[ $version == 5 ]]; then sign='*eceived DISCONNECT (142)'; fi
    listen first -i m-taken "${lasting[@]}" -q 1 -t mosquitto/taken
    publish -i m-taken -q 1 -t mosquitto/taken -m here
    # It tells why it was disconnected, or else only that it connects anew.
    await "$first" "$sign"
}

scenario_large() {
    head -c 1048576 /dev/urandom >"$folder/sent"
    for qos in 1 2; do
        fetch -i m-large "${lasting[@]}" -q "$qos" -t mosquitto/large -E
        publish -q "$qos" -t mosquitto/large -f "$folder/sent"
        fetch -i m-large "${lasting[@]}" -q "$qos" -t mosquitto/large -N -C 1 >"$folder/found"
        cmp -s "$folder/sent" "$folder/found" || fail "QoS $qos: another payload"
    done
}

scenario_order() {
    local subscriber qos number
    listen subscriber -i m-order -q 2 -t 'mosquitto/order/#'
    for qos in 0 1 2; do
        seq 1000 | publish -l -q "$qos" -t "mosquitto/order/$qos"
        for number in {1..1000}; do expect "$subscriber" "$qos 0 $number"; done
    done
}

scenario_alias() {
    local subscriber
    # Its library takes no aliases from a broker, so only the other direction is tried.
    listen subscriber -i m-alias -q 1 -t mosquitto/alias
    seq 20 | publish -l -q 1 -t mosquitto/alias -D publish topic-alias 1
    for number in {1..20}; do expect "$subscriber" "1 0 $number"; done
}

scenario_properties() {
    local found expected='text/plain|mosquitto/answer|abc|1|a:1 b:2|told'
    fetch -i m-told "${lasting[@]}" -q 1 -t mosquitto/told -E
    publish -q 1 -t mosquitto/told -m told -D publish content-type text/plain \
        -D publish response-topic mosquitto/answer -D publish correlation-data abc \
        -D publish payload-format-indicator 1 -D publish message-expiry-interval 100 \
        -D publish user-property a 1 -D publish user-property b 2
    found="$(fetch -i m-told "${lasting[@]}" -q 1 -t mosquitto/told -C 1 -F '%C|%R|%D|%F|%P|%p')"
    [[ $found == "$expected" ]] || fail "found $found, expected $expected"
}

failures=0
for name in ${scenarios//,/ }; do
    echo "unknown" >"$folder/why"
    if (trap 'kill "${children[@]}" 2>/dev/null' EXIT && children=() && "scenario_$name"); then
        echo "ok $name"
    else
        echo "failed $name: $(<"$folder/why")"
        failures=$((failures + 1))
    fi
done
((failures == 0))
