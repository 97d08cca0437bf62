"""Rules of the marketplace context: receipts, the status of a store, events, and how call-backs are delivered."""
