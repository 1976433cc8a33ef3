// Cooks what is ordered and keeps each order as state, with the Dapr SDK for JavaScript.
const { DaprServer } = require("@dapr/dapr");

async function main() {
  const server = new DaprServer({
    serverHost: "127.0.0.1",
    serverPort: process.env.APP_PORT,
    clientOptions: { daprHost: "127.0.0.1", daprPort: process.env.DAPR_HTTP_PORT },
  });
  const { state } = server.client;

  await server.pubsub.subscribe("pubsub", "orders", async (order) => {
    const key = `order-${order.number}`;
    // After a crash an order may come again. What is kept says whether it is cooked already.
    if (await state.get("statestore", key)) return;
    const { error } = await state.save("statestore", [{ key, value: { ...order, cooked: true } }]);
    // An order that is answered with an exception is not acknowledged, and comes again.
    if (error) throw error;
    console.log(`kitchen: cooked ${order.meal}, number ${order.number}`);
  });

  await server.start();
}

main();
