"""What all Python clients share: the command line of clients/README.md and its answers."""

import argparse
import ssl
import sys
import traceback

# Seconds after which a client gives up waiting for one thing.
DEADLINE = 20


class Failed(Exception):
    """The broker did something else than the standard says."""


def check(condition, message):
    """Fails the scenario with the message unless the condition holds."""
    if not condition:
        raise Failed(message)


def equal(found, expected, what):
    """Fails the scenario unless both are equal."""
    check(found == expected, f"{what}: found {found!r}, expected {expected!r}")


def options():
    """Reads the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--version", choices=["3", "5"], default="5")
    parser.add_argument("--scenario", required=True, help="names with commas between them")
    parser.add_argument("--tls-ca", help="TLS, trusting the certificates in this file")
    parser.add_argument("--ws", action="store_true", help="MQTT over WebSocket")
    return parser.parse_args()


def tls_context(chosen):
    """TLS as the command line wants it, or None."""
    return ssl.create_default_context(cafile=chosen.tls_ca) if chosen.tls_ca else None


def run(chosen, scenario):
    """Runs `scenario(name)` for each chosen name, says what came of it, and exits."""
    failures = 0
    for name in chosen.scenario.split(","):
        try:
            scenario(name)
            print(f"ok {name}", flush=True)
        except Failed as failure:
            print(f"failed {name}: {failure}", flush=True)
            failures += 1
        except Exception as error:
            traceback.print_exc()
            print(f"failed {name}: {type(error).__name__}: {error}", flush=True)
            failures += 1
    sys.exit(1 if failures else 0)
