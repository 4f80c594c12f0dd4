"""How a database of any earlier opensweep becomes one of this; see `controller.store.migrate`."""
