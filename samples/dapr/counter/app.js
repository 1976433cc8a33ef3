// An actor that counts, with the Dapr SDK for JavaScript: its host, and a caller that asks it many
// times at once. Dapr lets one call in at a time, and keeps what the actor knows in the state store.
const { AbstractActor, ActorId, ActorProxyBuilder, DaprClient, DaprServer } = require("@dapr/dapr");

class Counter extends AbstractActor {
  async increment() {
    const state = this.getStateManager();
    const [known, before] = await state.tryGetState("count");
    const count = (known ? before : 0) + 1;
    // Saved when this method ends.
    await state.setState("count", count);
    return count;
  }
}

async function main() {
  const clientOptions = { daprHost: "127.0.0.1", daprPort: process.env.DAPR_HTTP_PORT };
  const server = new DaprServer({
    serverHost: "127.0.0.1",
    serverPort: process.env.APP_PORT,
    clientOptions,
  });
  await server.actor.init();
  await server.actor.registerActor(Counter);
  await server.start();

  const client = new DaprClient(clientOptions);
  const counter = new ActorProxyBuilder(Counter, client).build(new ActorId("meals"));
  const counts = await Promise.all(Array.from({ length: 20 }, () => counter.increment()));
  console.log(`counter: ${counts.length} calls at once, counted up to ${Math.max(...counts)}`);
}

main();
