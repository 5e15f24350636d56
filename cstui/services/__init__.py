"""Use cases: one public method, one transaction. The first lines check permission and store."""
