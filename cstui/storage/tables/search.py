"""The search index (its design: `cstui.storage.queries.search`)."""
