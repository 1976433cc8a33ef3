// Package conformance runs the suites of components-contrib against the sockets of a component,
// through the client that daprd itself uses.
package conformance

import (
	"encoding/json"
	"os"
	"testing"

	conformance_pubsub "github.com/dapr/components-contrib/tests/conformance/pubsub"
	conformance_state "github.com/dapr/components-contrib/tests/conformance/state"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/kit/logger"
	"github.com/stretchr/testify/require"
)

// The socket of the component, its metadata as a JSON object of strings, and how long after it
// subscribed a client publishes, such as "5s".
const (
	socketVariable   = "CATENA_SOCKET"
	metadataVariable = "CATENA_METADATA"
	waitVariable     = "CATENA_WAIT"
)

func TestState(t *testing.T) {
	operations := []string{"etag", "first-write", "ttl", "transaction", "actorStateStore"}
	config, err := conformance_state.NewTestConfig("catena", operations, nil)
	require.NoError(t, err)
	store := state.NewGRPCStateStore(logger.NewLogger("conformance"), os.Getenv(socketVariable))
	wrapped := transactionalStore{Store: store, TransactionalStore: store}
	conformance_state.ConformanceTests(t, metadata(t), wrapped, config)
}

func TestPubSub(t *testing.T) {
	// Longer than the default: time for a broker that is started again meanwhile.
	settings := map[string]any{"waitDurationToPublish": os.Getenv(waitVariable)}
	operations := []string{"bulkpublish"}
	config, err := conformance_pubsub.NewTestConfig("catena", operations, settings)
	require.NoError(t, err)
	broker := pubsub.NewGRPCPubSub(logger.NewLogger("conformance"), os.Getenv(socketVariable))
	conformance_pubsub.ConformanceTests(t, metadata(t), broker, config)
}

func metadata(t *testing.T) map[string]string {
	properties := map[string]string{}
	require.NoError(t, json.Unmarshal([]byte(os.Getenv(metadataVariable)), &properties))
	return properties
}
