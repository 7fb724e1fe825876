"""The channels stage: one ledger an account, of calls in progress against its limit."""
