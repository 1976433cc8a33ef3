"""Orders ten meals, with the Dapr SDK for Python."""

import json

from dapr.clients import DaprClient

MEALS = ["soup", "bread", "salad", "noodles", "rice"]

# The client waits for the sidecar, and asks it for everything: see DAPR_GRPC_PORT and
# DAPR_HTTP_PORT in the environment.
with DaprClient() as dapr:
    for number in range(1, 11):
        order = {"number": number, "meal": MEALS[number % len(MEALS)], "price": 5 + number % 3}
        # It ends when the broker has the order, and fails otherwise.
        dapr.publish_event(
            pubsub_name="pubsub",
            topic_name="orders",
            data=json.dumps(order),
            data_content_type="application/json",
        )
        print(f"checkout: ordered {order['meal']}, number {number}", flush=True)
