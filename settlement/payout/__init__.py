"""Payouts: what is owed to partners, netted into batches, let go by people, ordered from a bank, and its answers."""
