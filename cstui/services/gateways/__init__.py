"""Payment gateways: one contract, an adapter for each."""
