package conformance

import (
	"context"

	"github.com/dapr/components-contrib/state"
)

// transactionalStore is a pluggable store as the suite expects a store to be. The client of
// pluggable stores offers every optional interface, whatever the component says, and gives one
// error for a whole batch where the suite wants one for each item: only what the component serves
// is offered here, and batches go item by item. The component's own batches are tested elsewhere.
type transactionalStore struct {
	state.Store
	state.TransactionalStore
}

func (s transactionalStore) BulkSet(
	ctx context.Context, requests []state.SetRequest, options state.BulkStoreOpts,
) error {
	return state.DoBulkSetDelete(ctx, requests, s.Set, options)
}

func (s transactionalStore) BulkDelete(
	ctx context.Context, requests []state.DeleteRequest, options state.BulkStoreOpts,
) error {
	return state.DoBulkSetDelete(ctx, requests, s.Delete, options)
}
