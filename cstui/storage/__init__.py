"""The only place with SQL: tables, transactions, queries, migrations and the live feed."""
